"""Stored values: frozen dataclasses as plain JSON types and back, by their type hints."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from goldloop.core.errors import StoredValueError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return `value` in the types JSON knows: tuples as lists, enums by value, infinity as a word."""
    return json.loads(_text(value))


def from_plain(form: type[T], values: Any) -> T:
    """Return the value of type `form` that `to_plain` described; keys that it lacks are ignored.

    Raises:
        StoredValueError: `values` do not describe such a value.
    """
    try:
        value: T = _adapter(cast("Any", form)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoredValueError(
            f"A stored {form.__name__} cannot be read: {where}: {first['msg']}, got {str(values)[:200]}. "
            "Use the goldloop release that wrote this workspace."
        ) from error
    return value


def to_row(record: Any, *, as_json: Collection[str]) -> dict[str, Any]:
    """Return a dataclass as a table row; the fields `as_json` become JSON text, None stays None."""
    row = {field.name: getattr(record, field.name) for field in fields(record)}
    lists = {name: list(value) for name, value in row.items() if isinstance(value, tuple)}
    return row | lists | {name: _text(row[name]) for name in as_json if row[name] is not None}


def from_row(form: type[T], row: Mapping[str, Any], *, as_json: Collection[str]) -> T:
    """Return the dataclass that `to_row` described; columns that it lacks are ignored.

    Raises:
        StoredValueError: the row does not describe such a value.
    """
    parsed = {name: None if row[name] is None else json.loads(row[name]) for name in as_json}
    return from_plain(form, {**row, **parsed})


def _text(value: Any) -> str:
    return to_json(value, inf_nan_mode="strings").decode()


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)
