"""Materialized views: the answer to a question over a table, kept with the commit up to which it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

DEFINITION, MARK = "definition", "mark"
"""What a file notes: what it is the answer to, and the commit up to which it is complete."""


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view in the Parquet file `path`, complete up to the commit that `mark` names."""

    path: Path
    mark: str
    n_rows: int


class ViewStore(Protocol):
    """Views that are derived from a table, each a file that may be removed at any moment."""

    def find(self, name: str, definition: str) -> StoredView | None:
        """Return the newest view `name` of this `definition`; None where there is none that can be read."""

    def save(self, name: str, write: Callable[[Path], None]) -> None:
        """Keep the file that `write` makes, with definition and mark in it, in place of older ones.

        Raises:
            StorageError: the disk refused it; what was kept before remains.
        """

    def discard(self, view: StoredView) -> None:
        """Remove a view that could not be read."""
