"""Rows of CSV, JSONL and Parquet files: what kinds of samples that come as rows have in common."""
