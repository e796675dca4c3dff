"""Stored values: frozen dataclasses as plain JSON types and back, by their type hints."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from goldloop.core.errors import StoredValueError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return `value` in the types JSON knows: tuples as lists, enums by value, infinity as a word."""
    return json.loads(to_text(value))


def from_plain(form: type[T], values: Any) -> T:
    """Return the value of type `form` that `to_plain` described; keys that it lacks are ignored.

    Raises:
        StoredValueError: `values` do not describe such a value.
    """
    try:
        value: T = _adapter(cast("Any", form)).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = getattr(form, "__name__", str(form))
        where = ".".join(str(part) for part in first["loc"])
        raise StoredValueError(
            f"A stored {name} cannot be read: {where}: {first['msg']}, got {str(values)[:200]}. "
            "Use the goldloop release that wrote this workspace."
        ) from error
    return value


def to_text(value: Any) -> str:
    """Return `value` as JSON text that `from_plain` reads back once it is parsed."""
    return to_json(value, inf_nan_mode="strings").decode()


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)
