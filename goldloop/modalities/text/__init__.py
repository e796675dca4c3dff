"""Texts: the reader of rows in CSV and JSONL files, and the store that keeps what they say."""

from goldloop.modalities.text.csv_jsonl import Reason
from goldloop.modalities.text.modality import TextModality
from goldloop.modalities.text.reader import TextReader
from goldloop.modalities.text.store import TextStore

__all__ = ["Reason", "TextModality", "TextReader", "TextStore"]
