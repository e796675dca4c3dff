"""The policy log: which policy was in force when, for which model, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence

from goldloop.core.ports import Row, Table
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.policies import policy_from_dict, policy_to_dict


class PolicyLog:
    """All policies that ever were in force, oldest first; nothing is ever changed in it."""

    def __init__(self, table: Table) -> None:
        """Read and append to `table`."""
        self._table = table

    def entries(self) -> list[PolicyEntry]:
        """Return every entry, oldest first."""
        return [
            PolicyEntry(
                policy=policy_from_dict(json.loads(row["policy"])),
                model_version=row["model_version"],
                gold_version=row["gold_version"],
                reasons=tuple(row["reasons"]),
                warnings=tuple(row["warnings"]),
                settled_at=row["settled_at"],
            )
            for row in self._table.read().sort_by("seq").to_pylist()
        ]

    def in_force(self, model_version: str) -> PolicyEntry | None:
        """Return the newest entry for `model_version`, None before its first."""
        found = [one for one in self.entries() if one.model_version == model_version]
        return found[-1] if found else None

    def settle(self, entry: PolicyEntry) -> bool:
        """Put `entry` in force; return False, writing nothing, when the newest entry says so already.

        Two processes that settle the same policy at once leave one entry. A model that becomes champion again
        gets an entry again, so that the newest is always the champion's.
        """
        is_new = False

        def make_rows(seq: int) -> Sequence[Row]:
            nonlocal is_new
            entries = self.entries()
            is_new = not entries or _said(entries[-1]) != _said(entry)
            return [_row(entry, seq)] if is_new else []

        self._table.append_next(make_rows)
        return is_new


def _said(entry: PolicyEntry) -> tuple[object, ...]:
    """Return what an entry says, whenever and on whichever gold version it was settled."""
    return entry.model_version, entry.policy, entry.reasons, entry.warnings


def _row(entry: PolicyEntry, seq: int) -> Row:
    return {
        "seq": seq,
        "version": entry.policy.version,
        "policy": json.dumps(policy_to_dict(entry.policy), ensure_ascii=False),
        "model_version": entry.model_version,
        "gold_version": entry.gold_version,
        "reasons": list(entry.reasons),
        "warnings": list(entry.warnings),
        "settled_at": entry.settled_at,
    }
