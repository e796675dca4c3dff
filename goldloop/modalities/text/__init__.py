"""Texts: the reader of rows in CSV and JSONL files, and the store that keeps what they say."""
