"""Garbage collection: paused while a step makes hundreds of thousands of values that all stay in use."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the search for cycles of dead values, which takes half of the time while many values are made.

    A value outside a cycle is freed as ever. A pause inside another one ends with the outer one.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
