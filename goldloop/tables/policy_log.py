"""The policy log: which policy was in force when, for which model, and why."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.core.ports import Row, Table
from goldloop.routing.policies import PolicyEntry
from goldloop.tables import codec


class PolicyLog:
    """All policies that ever were in force, oldest first; entries are only ever added."""

    def __init__(self, table: Table) -> None:
        """Read and append to `table`."""
        self._table = table

    def entries(self) -> list[PolicyEntry]:
        """Return every entry, oldest first."""
        return codec.values_of(PolicyEntry, self._table.read().sort_by("seq"))

    def in_force(self, model_version: str) -> PolicyEntry | None:
        """Return the newest entry for `model_version`, None before its first."""
        entries = [entry for entry in self.entries() if entry.model_version == model_version]
        return entries[-1] if entries else None

    def settle(self, entry: PolicyEntry) -> bool:
        """Put `entry` in force; return False, writing nothing, when the newest entry already equals it.

        Two processes that settle the same policy at once leave one entry. A model that becomes champion again
        gets an entry again, so that the newest is always the champion's.
        """
        is_new = False

        def make_rows(seq: int) -> Sequence[Row]:
            nonlocal is_new
            entries = self.entries()
            is_new = not entries or not entries[-1].is_same(entry)
            return codec.rows_of([entry], seq=seq, version=entry.policy.version) if is_new else []

        self._table.append_next(make_rows)
        return is_new
