"""Rows: dataclasses as rows of a table and back; mappings and nested dataclasses become JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.codec import from_plain, to_text
from goldloop.core.table_ports import Row, Table

Value = TypeVar("Value")

MOMENT = pa.timestamp("us", tz="UTC")
_PLAIN = {str, bool, int, float, datetime, NoneType}
_ARROW_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), datetime: MOMENT}


def columns_of(kind: type[Any], **extra: pa.DataType) -> pa.Schema:
    """Return the columns of a table whose rows hold a dataclass `kind` each, and those of `extra`.

    A tuple of numbers becomes a list in single precision, as probs are; what is no number or moment is text.
    """
    return pa.schema({name: _arrow_type(hint) for name, hint in get_type_hints(kind).items()} | extra)


def rows_of(values: Iterable[Any], **extra: Any) -> list[Row]:
    """Return one row for each dataclass of `values`, with the cells of `extra` added to every row."""
    rows: list[Row] = []
    for value in values:
        plain, others = _fields_by_cell(cast("Any", type(value)))
        row = {name: getattr(value, name) for name in plain}
        rows.append(row | {name: _cell(getattr(value, name)) for name in others} | extra)
    return rows


def values_of(kind: type[Value], rows: pa.Table) -> list[Value]:
    """Return one `kind` for each of `rows`, in order; columns that `kind` does not have are left out.

    A field that admits no null has its default where the row has none: the row is older than the field.

    Raises:
        StoredValueError: a row does not describe a `kind`.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    records = [dict(zip(names, row, strict=True)) for row in column_values(rows, *names)]
    for name in _json_fields(cast("Any", kind)):
        values = {
            text: None if text is None else json.loads(text) for text in rows[name].unique().to_pylist()
        }
        for record in records:
            record[name] = values[record[name]]
    for name in _defaulted_fields(cast("Any", kind)):
        if rows[name].null_count:
            for record in records:
                if record[name] is None:
                    del record[name]
    return from_plain(list[kind], records)  # type: ignore[valid-type]


def append_values(
    table: Table, make_values: Callable[[], Sequence[Value]], *, base: int | None = None, **extra: Any
) -> Sequence[Value]:
    """Append a row for each value from `make_values`, in one commit with a `seq` of its own; return them.

    It is called again when another writer was first; the first call is based on version `base` of the table.
    """
    made: Sequence[Value] = ()

    def make_rows(seq: int) -> list[Row]:
        nonlocal made
        made = make_values()
        return rows_of(made, seq=seq, **extra)

    table.append_next(make_rows, base=base)
    return made


def is_among(name: str, texts: Collection[str]) -> pc.Expression:
    """Return the condition that the column `name` holds one of `texts`, for any table.

    The cast is for tables that are merged into: deltalake writes their texts as views, which Arrow 25 cannot
    compare with the bounds of a file.
    """
    return pc.field(name).cast(pa.string()).isin(pa.array(sorted(texts), pa.string()))


def one_for_each(keys: Sequence[str], rows: pa.Table, *, which: Literal["min", "max"]) -> pa.Table:
    """Return the first ("min") or the last ("max") of `rows` for each value of `keys`, in their order."""
    numbered = rows.select(keys).append_column("row", pa.array(range(len(rows)), pa.int64()))
    chosen = numbered.group_by(keys).aggregate([("row", which)])[f"row_{which}"]
    return rows.take(chosen.combine_chunks().sort())


def column_values(rows: pa.Table, *names: str) -> Iterable[tuple[Any, ...]]:
    """Return the cells of the columns `names`, row by row."""
    return zip(*(_cells(rows[name]) for name in names), strict=True)


def _cells(column: pa.ChunkedArray) -> list[Any]:
    """Return the cells of a column; equal moments are made once, and by way of numpy, ten times as fast."""
    if column.type != MOMENT:
        return cast("list[Any]", column.to_pylist())
    encoded = column.cast(pa.timestamp("us")).combine_chunks().dictionary_encode()
    moments = [at.replace(tzinfo=UTC) for at in encoded.dictionary.to_numpy(zero_copy_only=False).tolist()]
    cells: list[datetime | None] = [*moments, None]
    return [cells[place] for place in encoded.indices.fill_null(-1).to_numpy().tolist()]


@cache
def _fields_by_cell(kind: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields whose values are cells as they are, and the fields of other types."""
    names = [field.name for field in fields(kind)]
    plain = {name for name, hint in get_type_hints(kind).items() if _is_plain(hint)}
    return tuple(name for name in names if name in plain), tuple(name for name in names if name not in plain)


def _is_plain(hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return all(_is_plain(option) for option in get_args(hint))
    return getattr(hint, "__supertype__", hint) in _PLAIN


def _cell(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return to_text(value) if isinstance(value, Mapping) or is_dataclass(value) else value


def _arrow_type(hint: Any) -> pa.DataType:
    options = [option for option in get_args(hint) if option not in (NoneType, ...)]
    if get_origin(hint) is tuple:
        return pa.list_(pa.float32() if options == [float] else _arrow_type(options[0]))
    return _arrow_type(options[0]) if options else _ARROW_TYPES.get(hint, pa.string())


@cache
def _json_fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(kind).items() if _is_json(hint))


@cache
def _defaulted_fields(kind: Any) -> tuple[str, ...]:
    """Return the fields that have a default and admit no null."""
    hints = get_type_hints(kind)
    return tuple(
        field.name
        for field in fields(kind)
        if (field.default is not MISSING or field.default_factory is not MISSING)
        and NoneType not in get_args(hints[field.name])
    )


def _is_json(hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return any(_is_json(option) for option in get_args(hint))
    return is_dataclass(origin) or (isinstance(origin, type) and issubclass(origin, Mapping))
