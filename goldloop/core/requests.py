"""Answer requests: how many annotators are to answer a task, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RequestReason(StrEnum):
    """Why more people are asked than were at first."""

    FIRST = "first"  # several people answer independently from the start, as always in the audit
    CHECK = "check"  # the truth behind a hidden suggestion, see goldloop.annotators.anchoring
    UNSURE = "unsure"  # the posterior is below the target
    HONEYPOT = "honeypot"  # the answer is known; it measures who gives it
    UNCOUNTED = "uncounted"  # an answer there cannot count, see goldloop.consensus.evidence


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One more answer, or several, wanted to a task: `n_answers` counts the answers in all.

    `at` is when it was written down, None before.
    """

    key: str
    n_answers: int
    reason: RequestReason
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What is wanted of one task, and what the server was told of which of its tasks."""

    n_wanted: int = 1
    told: tuple[int | None, int] = (None, 1)

    def is_told(self, task_id: int | None) -> bool:
        """Whether the server knows of the task `task_id` what is wanted."""
        return self.told == (task_id, self.n_wanted)
