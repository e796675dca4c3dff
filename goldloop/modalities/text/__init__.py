"""Texts: the reader of rows in CSV, JSONL and Parquet files, and the store that keeps what they say."""
