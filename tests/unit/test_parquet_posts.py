"""Posts in Parquet files: the same samples as in JSONL, and a reason for each row that is none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldloop.modalities.rows.files import PARQUET_ROWS
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.row import Reason
from goldloop.modalities.text.modality import TextModality
from goldloop.modalities.text.posts import Said
from tests.texts import read_all, write_json


@pytest.fixture
def texts(tmp_path: Path) -> TextModality:
    """Texts kept in an empty store."""
    return TextModality(tmp_path / "store" / "texts.sqlite", Pseudonyms(lambda: b"key"))


def parquet(path: Path, **columns: Any) -> Path:
    """Write columns as a Parquet file and return its path."""
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_gives_the_same_posts_as_jsonl(texts: TextModality, tmp_path: Path) -> None:
    """Threads may be lists or JSON, times are times; the sample, its context and its pseudonym are equal."""
    at = datetime(2026, 3, 1, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    thread = [{"author": "bo", "text": "one"}]
    n = PARQUET_ROWS + 5
    by_parquet = read_all(
        texts,
        parquet(
            tmp_path / "p.parquet",
            id=list(range(n)),
            text=pa.array([f"grüße {number}" for number in range(n)], pa.large_string()).dictionary_encode(),
            author=["ann"] * n,
            thread=[thread] * n,
            at=pa.array([at] * n, pa.timestamp("us", "UTC")),
        ),
    )
    rows = [
        {"id": number, "text": f"grüße {number}", "author": "ann", "thread": thread, "at": at.isoformat()}
        for number in range(n)
    ]
    by_json = read_all(texts, write_json(tmp_path / "p.jsonl", *rows))

    assert [(one.sample_id, one.decoded) for one in by_parquet] == [
        (one.sample_id, one.decoded) for one in by_json
    ]
    assert by_parquet[-1].file.uri == f"{tmp_path / 'p.parquet'}#id={n - 1}"
    assert texts.store.context(by_parquet[0].sample_id).thread == (Said("A", "one"),)
    assert by_parquet[0].decoded is not None
    assert by_parquet[0].decoded.metadata["at"] == "2026-03-01T09:30:00+00:00"


def test_each_broken_row_of_a_parquet_file_has_its_reason(texts: TextModality, tmp_path: Path) -> None:
    """The rows around it are read all the same."""
    broken = pa.array([b"good", b"caf\xe9", None, b"x", b"y"]).cast(pa.binary())
    column = pa.StringArray.from_buffers(len(broken), *broken.buffers()[1:], broken.buffers()[0])
    path = parquet(tmp_path / "p.parquet", id=["1", "2", "3", None, "5"], text=column)
    floats = parquet(tmp_path / "floats.parquet", id=[1.5], text=["a"])
    numbers = parquet(tmp_path / "numbers.parquet", id=[1], text=[2])

    assert [one.reason for one in read_all(texts, path)] == [
        None,
        Reason.NOT_UTF8,
        Reason.MISSING_FIELD,
        Reason.MISSING_ID,
        None,
    ]
    assert [one.reason for name in (floats, numbers) for one in read_all(texts, name)] == [
        Reason.WRONG_TYPE
    ] * 2


@pytest.mark.parametrize("damage", ["cut off", "no parquet", "other columns", "empty"])
def test_a_parquet_file_without_rows_is_set_aside(texts: TextModality, tmp_path: Path, damage: str) -> None:
    """Whole, with one reason."""
    path = parquet(tmp_path / "p.parquet", id=[1], text=["a"])
    content = path.read_bytes()
    if damage == "other columns":
        parquet(path, number=[1], message=["a"])
    else:
        path.write_bytes({"cut off": content[:-20], "no parquet": b"id,text\n1,a\n", "empty": b""}[damage])

    (one,) = read_all(texts, path)

    assert one.reason == (Reason.MISSING_FIELD if damage == "other columns" else Reason.MALFORMED)
    assert one.file.uri == str(path)
