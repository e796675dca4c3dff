"""Points in the code by name, "module:a.b", where a fault or a shorter wait is put in."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def found(point: str) -> tuple[Any, str]:
    """Return the owner of the thing at "module:a.b", and its name there."""
    module, _, path = point.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, import_module(module))
    getattr(owner, name)  # a point that is not there is an error, not a fault that does no harm
    return owner, name


def set_constants(constants: Mapping[str, Any]) -> None:
    """Set module constants, by point."""
    for point, value in constants.items():
        owner, name = found(point)
        setattr(owner, name, value)
