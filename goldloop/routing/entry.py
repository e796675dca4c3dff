"""Policy entries: which policy was settled for which model, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from goldloop.routing.policies import Policy


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy of the log: the model it was settled for, the reasons and the warnings, in sentences."""

    policy: Policy
    model_version: str
    gold_version: int | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    settled_at: datetime

    def is_same(self, other: PolicyEntry) -> bool:
        """Return whether both say the same, whenever and on whichever gold version they were settled."""
        return self == replace(other, settled_at=self.settled_at, gold_version=self.gold_version)
