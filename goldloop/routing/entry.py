"""Policy entries: which policy was settled for which model, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.routing.policies import Policy


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy of the log: what it was settled for, the reasons in words, and what to beware of."""

    policy: Policy
    model_version: str
    gold_version: int | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    settled_at: datetime
