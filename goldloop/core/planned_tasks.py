"""Planned tasks: what annotators are to be asked, and what has happened to each task since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from goldloop.core.arms import Arm
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, Suggestion, split_key


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task as it was planned, before any server knows it.

    `round` is the one whose budget pays for it, `position` its place in the plan. `stratum` names batch and
    lane at the time of the draw; `inclusion_probability` is None where no chance was involved. `policy` and
    `model_version` are those of the prediction that chose the sample; `probs` (n_labels) are that
    prediction's, in single precision, None where no model had scored it. `suggestion` is kept even where
    `is_shown` hides it. `group` is shared by near-duplicates, `fingerprint` tells them. `answers` counts by
    label what annotators have answered so far, for an adjudicator; `barred` annotators are not shown the task.
    """

    key: str
    round: int
    position: int
    planned_at: datetime
    batch: BatchId
    lane: str
    stratum: str
    split: Split
    group: str
    fingerprint: str | None = None
    inclusion_probability: float | None = None
    policy: str | None = None
    model_version: str | None = None
    suggested_label: str | None = None
    suggested_score: float | None = None
    hint: str | None = None
    is_shown: bool = False
    arm: Arm | None = None
    probs: tuple[float, ...] | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    barred: tuple[str, ...] = ()
    detail: str | None = None

    @property
    def sample_id(self) -> SampleId:
        """Sample the task is about."""
        return split_key(self.key)[0]

    @property
    def purpose(self) -> Purpose:
        """Why the sample is shown."""
        return split_key(self.key)[1]

    @property
    def shown_suggestion(self) -> Suggestion | None:
        """What the annotator is shown as a pre-annotation; None for a blind task."""
        if not self.is_shown or self.suggested_label is None:
            return None
        return Suggestion(
            self.suggested_label, self.suggested_score or 0.0, self.model_version or "", self.hint or ""
        )


class Event(StrEnum):
    """What can happen to a task, in this order; `GONE` ends its life, and the sample may be chosen anew."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    PUSHED = "pushed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A planned task and the newest thing that happened to it; `plan_seq` is the commit that planned it."""

    plan: PlannedTask
    plan_seq: int
    event: Event
    at: datetime
    task_id: int | None = None
    owner: str | None = None

    @property
    def key(self) -> str:
        """Key that no two live tasks share."""
        return self.plan.key

    @property
    def round(self) -> int:
        """Round whose budget pays for the task."""
        return self.plan.round

    @property
    def sample_id(self) -> SampleId:
        """Sample the task is about."""
        return self.plan.sample_id

    @property
    def purpose(self) -> Purpose:
        """Why the sample is shown."""
        return self.plan.purpose

    @property
    def is_live(self) -> bool:
        """Whether annotators have, or will have, this task."""
        return self.event is not Event.GONE

    @property
    def is_waiting(self) -> bool:
        """Whether the task still has to be pushed."""
        return self.event in (Event.PLANNED, Event.CLAIMED)
