"""Values as JSON: dataclasses, enums and moments in the types that JSON has."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import to_json


def to_text(value: Any) -> str:
    """Return `value` as JSON text; dataclasses are objects, tuples are lists, infinity is a string."""
    return to_json(value, inf_nan_mode="strings").decode()


def to_plain(value: Any) -> Any:
    """Return `value` in the types that JSON has, as `to_text` writes it."""
    return json.loads(to_text(value))
