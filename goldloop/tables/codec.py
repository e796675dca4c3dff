"""The codec: dataclasses as rows of a table and back; mappings and nested dataclasses become JSON text."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import pyarrow as pa
from pydantic import TypeAdapter

from goldloop.core.codec import to_text
from goldloop.core.ports import Row

Value = TypeVar("Value")


def rows_of(values: Iterable[Any], **extra: Any) -> list[Row]:
    """Return one row for each dataclass of `values`, with the cells of `extra` added to every row."""
    return [
        {**{field.name: _cell(getattr(value, field.name)) for field in fields(value)}, **extra}
        for value in values
    ]


def values_of(kind: type[Value], rows: pa.Table) -> list[Value]:
    """Return one `kind` for each of `rows`, in order; columns that `kind` does not have are left out."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    records = rows.select(names).to_pylist()
    for name in _json_fields(cast("Hashable", kind)):
        for record in records:
            record[name] = None if record[name] is None else json.loads(record[name])
    values: list[Value] = _adapter(cast("Hashable", kind)).validate_python(records)
    return values


def _cell(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return to_text(value) if isinstance(value, Mapping) or is_dataclass(value) else value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])


@cache
def _json_fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(kind).items() if _is_json(hint))


def _is_json(hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_is_json(option) for option in get_args(hint) if option is not NoneType)
    origin = get_origin(hint) or hint
    return is_dataclass(origin) or (isinstance(origin, type) and issubclass(origin, Mapping))
