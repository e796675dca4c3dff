"""Answer requests: the number of annotators who are to answer a task, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RequestReason(StrEnum):
    """Why goldloop requests more answers than one."""

    FIRST = "first"  # several independent first answers, as in every audit
    CHECK = "check"  # the true label of a hidden suggestion, see goldloop.annotators.automation_bias
    UNSURE = "unsure"  # the posterior is below the target
    HONEYPOT = "honeypot"  # the label is known; the answer measures the annotator
    UNCOUNTED = "uncounted"  # replaces an answer that does not count, see goldloop.consensus.evidence


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A request for more answers to a task; `n_answers` is the total number of answers.

    `at` is the time of the commit, None before it.
    """

    key: str
    n_answers: int
    reason: RequestReason
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """Number of answers wanted of one task, and the task id and number last set on the server."""

    n_wanted: int = 1
    told: tuple[int | None, int] = (None, 1)

    def is_told(self, task_id: int | None) -> bool:
        """Whether the server holds the wanted number for the task `task_id`."""
        return self.told == (task_id, self.n_wanted)
