"""Files of texts for tests: good rows, and one of every way in which a row can be broken."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.samples import Arrival
from goldloop.modalities.rows.row import Reason
from goldloop.modalities.text.modality import TextModality


def write_rows(
    path: Path, rows: Iterable[tuple[object, ...]], header: tuple[str, ...] = ("id", "text")
) -> Path:
    """Write a CSV file of `rows` and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_json(path: Path, *rows: dict[str, Any]) -> Path:
    """Write rows as JSONL and return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_all(texts: TextModality, source: Path) -> list[Arrival]:
    """Read all of a source."""
    return list(texts.reader.arrivals(str(source), is_known=lambda _: False))


BROKEN_CSV: dict[str, tuple[bytes, Reason]] = {
    "no id": (b",a text", Reason.MISSING_ID),
    "no text": (b"1,", Reason.MISSING_FIELD),
    "blank text": (b'1,"  \n "', Reason.MISSING_FIELD),
    "text cut off": (b"1", Reason.MISSING_FIELD),
    "too long": (b"1," + b"x" * 100_001, Reason.TOO_LONG),
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


BROKEN_COLUMNS: dict[str, tuple[dict[str, Any], Reason]] = {
    "thread that is no JSON": ({"thread": "[first, second"}, Reason.WRONG_TYPE),
    "thread that is a number": ({"thread": 7}, Reason.WRONG_TYPE),
    "thread that is one text": ({"thread": '"first"'}, Reason.WRONG_TYPE),
    "thread of numbers": ({"thread": ["first", 2]}, Reason.WRONG_TYPE),
    "thread without texts": ({"thread": [{"author": "ann"}]}, Reason.WRONG_TYPE),
    "author in a thread a list": ({"thread": [{"author": [1], "text": "first"}]}, Reason.WRONG_TYPE),
    "thread of too many": ({"thread": ["first"] * 101}, Reason.TOO_LONG),
    "thread too long": ({"thread": ["x" * 60_000] * 2}, Reason.TOO_LONG),
    "half a pair in a thread": ({"thread": '["\\ud83d"]'}, Reason.NOT_UTF8),
    "half a pair in an author": ({"author": "\ud83d"}, Reason.NOT_UTF8),
    "author that is a list": ({"author": ["ann"]}, Reason.WRONG_TYPE),
    "author that is true": ({"author": True}, Reason.WRONG_TYPE),
    "time in words": ({"at": "yesterday"}, Reason.WRONG_TYPE),
    "time that is a number": ({"at": 1_700_000_000}, Reason.WRONG_TYPE),
}
"""Columns of a row that is good without them, and its reason."""


def real_texts(folder: Path, name: str, column: str = "text") -> list[tuple[str, str]]:
    """Return the (text, label) pairs of a file of real texts, or skip the test where it is absent."""
    path = folder / name
    if not path.is_file():
        pytest.skip(f"no real texts in {path}; name their folder in GOLDLOOP_TEST_DATA")
    with path.open(encoding="utf-8", newline="") as file:
        return [(row[column], row["label"]) for row in csv.DictReader(file)]
