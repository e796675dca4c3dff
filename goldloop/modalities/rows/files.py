"""Files of rows in CSV, JSONL and Parquet: a malformed row has a reason, and the rows behind it are read."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.server_words import in_one_line
from goldloop.modalities.content import open_content, translated
from goldloop.modalities.rows.row import Reason, is_unicode

LINE_CHARS = 1_000_000
"""A longer line is cut into several, which are then no rows: a file without line ends must fit in memory."""

PARQUET_ROWS = 1024  # rows of a Parquet file that are in memory at a time, beside their row group


RawFields = dict[str, Any] | UnreadableSampleError
"""The fields of a row by name, or why it has none."""

RawRow = tuple[int | None, RawFields]
"""The number of a row, from 1, and its fields, or why it has none.

Rows of a database have no number: there, nothing but the id says which is first.
"""


CheckHeader = Callable[[Sequence[str]], None]
"""Raises UnreadableSampleError for the columns of a file that cannot be read."""


def rows_of(uri: str, check_header: CheckHeader) -> Iterator[RawRow]:
    """Yield the rows of the file at `uri`; bytes that are not UTF-8 come as lone surrogates.

    `check_header` gets the columns of a CSV or Parquet file; rows of JSONL have columns of their own.

    Raises:
        UnreadableSampleError: the file cannot be read, has another format, or is refused by `check_header`.
    """
    form = PurePath(uri).suffix.lower()
    if form not in _FORMATS:
        raise UnreadableSampleError(
            Reason.MALFORMED, f"a file {form or 'without extension'} holds no rows; use {', '.join(_FORMATS)}"
        )
    with translated(), open_content(uri) as stream:
        yield from _FORMATS[form](stream, check_header)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield from iter(lambda: text.readline(LINE_CHARS), "")


def _csv(stream: IO[bytes], check_header: CheckHeader) -> Iterator[RawRow]:
    reader = csv.reader(_lines(stream), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise UnreadableSampleError(
            Reason.MALFORMED, f"the header is no CSV: {error}; correct line 1"
        ) from error
    if not is_unicode("".join(header)):
        raise UnreadableSampleError(Reason.NOT_UTF8, "the header is not UTF-8; save the file as UTF-8")
    check_header(header)
    for number in itertools.count(1):
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = Reason.TOO_LONG if "field larger" in str(error) else Reason.MALFORMED
            yield (
                number,
                UnreadableSampleError(reason, f"line {reader.line_num}: {error}; correct the quotes"),
            )
            continue
        if len(values) > len(header):
            detail = f"{len(values)} fields, the header has {len(header)}; put quotes around commas"
            yield number, UnreadableSampleError(Reason.MALFORMED, detail)
        elif values:
            yield number, dict(zip(header, values, strict=False))


def once_each(header: Sequence[str], columns: Sequence[str]) -> None:
    """Check that `header` names each of `columns` once.

    Raises:
        UnreadableSampleError: names the first that it does not.
    """
    for column in columns:
        if header.count(column) != 1:
            raise UnreadableSampleError(
                Reason.MISSING_FIELD,
                f"the column {column!r} is there {header.count(column)} times: {header[:10]}; name it once, "
                "in a CSV file in line 1",
            )


def _jsonl(stream: IO[bytes], check_header: CheckHeader) -> Iterator[RawRow]:
    for number, line in enumerate(_lines(stream), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, UnreadableSampleError(Reason.MALFORMED, f"line {number} is no JSON: {error}")
            continue
        if isinstance(fields, dict):
            yield number, fields
        else:
            detail = f"line {number} is a JSON {type(fields).__name__}; write an object"
            yield number, UnreadableSampleError(Reason.WRONG_TYPE, detail)


def _parquet(stream: IO[bytes], check_header: CheckHeader) -> Iterator[RawRow]:
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSampleError(
            Reason.MALFORMED, f"the file is no Parquet: {in_one_line(str(error))}; write it again"
        ) from error
    check_header(file.schema_arrow.names)
    yield from enumerate(_parquet_rows(file), start=1)


def _parquet_rows(file: pq.ParquetFile) -> Iterator[RawFields]:
    """Yield the rows, one row group after the other: Arrow keeps what it has read of a pass over several."""
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(PARQUET_ROWS, row_groups=[group]):
            yield from _batch_rows(batch)


def _batch_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch; bytes of a text column that are not UTF-8 come as lone surrogates."""
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            encoded = column.cast(pa.large_binary()).to_pylist()
            columns.append(
                [one if one is None else one.decode("utf-8", "surrogateescape") for one in encoded]
            )
        else:
            columns.append(column.to_pylist())
    return [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]


_FORMATS: dict[str, Callable[[IO[bytes], CheckHeader], Iterator[RawRow]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
