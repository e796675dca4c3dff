"""Imported labels as files told them; rows are only added."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from goldloop.core.imported_labels import ImportedLabel
from goldloop.core.table_ports import Table
from goldloop.tables import codec


def read_imported(table: Table) -> list[ImportedLabel]:
    """Return the imported labels in the order in which they were added.

    A table without a commit is not read.
    """
    if not table.version():
        return []
    rows = table.read().sort_by([("seq", "ascending"), ("position", "ascending")])
    return codec.values_of(ImportedLabel, rows)


def save_imported(
    table: Table, make: Callable[[Collection[str]], Sequence[ImportedLabel]]
) -> Sequence[ImportedLabel]:
    """Add the labels that `make` returns in one commit, and return them; it gets the known digests."""
    return codec.append_values(table, lambda: make({one.digest for one in read_imported(table)}))
