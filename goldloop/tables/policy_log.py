"""The policy log: which policy was in force when, for which model, and why."""

from __future__ import annotations

from goldloop.core.table_ports import Table
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

        def changed() -> list[PolicyEntry]:
            entries = self.entries()
            return [] if entries and entries[-1].is_same(entry) else [entry]

        return bool(codec.append_values(self._table, changed, version=entry.policy.version))
