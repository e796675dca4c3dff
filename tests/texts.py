"""Files of texts for tests: good rows, and one of every way in which a row can be broken."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest

from goldloop.modalities.text.csv_jsonl import Reason


def write_rows(
    path: Path, rows: Iterable[tuple[object, ...]], header: tuple[str, ...] = ("id", "text")
) -> Path:
    """Write a CSV file of `rows` and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


BROKEN_CSV: dict[str, tuple[bytes, Reason]] = {
    "no id": (b",a text", Reason.MISSING_ID),
    "no text": (b"1,", Reason.MISSING_FIELD),
    "blank text": (b'1,"  \n "', Reason.MISSING_FIELD),
    "text cut off": (b"1", Reason.MISSING_FIELD),
    "too long": (b"1," + b"x" * 20_001, Reason.TOO_LONG),
    "far too long": (b"1," + b"x" * 200_000, Reason.TOO_LONG),
    "long id": (b"1" * 201 + b",a text", Reason.TOO_LONG),
    "latin-1": (b"1,caf\xe9", Reason.NOT_UTF8),
    "extra comma": (b"1,hello, you", Reason.MALFORMED),
    "stray quote": (b'1,"a "quoted" word"', Reason.MALFORMED),
}
"""The bytes of one row behind a good header, and its reason."""

BROKEN_JSONL: dict[str, tuple[bytes, Reason]] = {
    "no id": (b'{"text": "a text"}', Reason.MISSING_ID),
    "null id": (b'{"id": null, "text": "a text"}', Reason.MISSING_ID),
    "no text": (b'{"id": 1}', Reason.MISSING_FIELD),
    "list id": (b'{"id": [1], "text": "a text"}', Reason.WRONG_TYPE),
    "true id": (b'{"id": true, "text": "a text"}', Reason.WRONG_TYPE),
    "number text": (b'{"id": 1, "text": 7}', Reason.WRONG_TYPE),
    "array": (b'[1, "a text"]', Reason.WRONG_TYPE),
    "half a pair": (b'{"id": 1, "text": "\\ud83d"}', Reason.NOT_UTF8),
    "cut off": (b'{"id": 1, "text": "a', Reason.MALFORMED),
    "nested": (b"[" * 100_000, Reason.MALFORMED),
}
"""The bytes of one line, and its reason."""


def real_texts(folder: Path, name: str, column: str = "text") -> list[tuple[str, str]]:
    """Return the (text, label) pairs of a file of real texts, or skip the test where it is absent."""
    path = folder / name
    if not path.is_file():
        pytest.skip(f"no real texts in {path}; name their folder in GOLDLOOP_TEST_DATA")
    with path.open(encoding="utf-8", newline="") as file:
        return [(row[column], row["label"]) for row in csv.DictReader(file)]
