"""Planned tasks: the plan of each task, and the newest event of its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from goldloop.core.assessments import Assessment
from goldloop.core.chance import Arm
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, Suggestion, split_key


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task as planned, before the push.

    The budget of `round` pays for the task; `position` is its place in the plan. `stratum` names the batch
    and lane at the time of the draw; `inclusion_probability` is None for a choice without chance. `policy`,
    `model_version`, `probs` (n_labels, single precision) and the `label_names` of their columns come from the
    prediction that chose the sample; they are None when no model had scored it. The plan keeps a suggestion
    that `is_shown` hides. Near-duplicates share `group`, and `fingerprint` identifies them; `entity` is whom
    or what the sample belongs to. `answers` counts the answers so far by label, for an adjudicator; `barred`
    annotators do not get the task. `words` are what the author of an appealed sample says. `earlier` are the
    samples of the entity before this one that annotators see, newest first, with the labels they had then, ""
    where unknown; `assessment` is what annotators see of the prediction, None for a blind task. Tasks with
    one `sheet` are shown together, in the order of their positions.
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
    label_names: str | None = None
    words: str = ""
    entity: str | None = None
    earlier: Mapping[SampleId, str] = field(default_factory=dict)
    assessment: Assessment | None = None
    sheet: str | None = None

    @property
    def sample_id(self) -> SampleId:
        """Sample of the task."""
        return split_key(self.key)[0]

    @property
    def purpose(self) -> Purpose:
        """Why annotators see the sample."""
        return split_key(self.key)[1]

    @property
    def shown_suggestion(self) -> Suggestion | None:
        """The pre-annotation that the annotator sees; None for a blind task."""
        if not self.is_shown or self.suggested_label is None:
            return None
        return Suggestion(
            self.suggested_label, self.suggested_score or 0.0, self.model_version or "", self.hint or ""
        )


class Event(StrEnum):
    """Events of a task, in this order; after `GONE`, the sample may be chosen again.

    `KEPT`: the task is gone from the server, and the user decided that its answers count all the same.
    """

    PLANNED = "planned"
    CLAIMED = "claimed"
    PUSHED = "pushed"
    KEPT = "kept"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A planned task and its newest event; `plan_seq` is the number of the commit that planned it.

    `content` is the digest of the data that goldloop pushed, None where the push of it was not recorded.
    """

    plan: PlannedTask
    plan_seq: int
    event: Event
    at: datetime
    task_id: int | None = None
    owner: str | None = None
    content: str | None = None
    detail: str | None = None

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
        """Sample of the task."""
        return self.plan.sample_id

    @property
    def purpose(self) -> Purpose:
        """Why annotators see the sample."""
        return self.plan.purpose

    @property
    def is_live(self) -> bool:
        """Whether annotators have the task or will get it."""
        return self.event is not Event.GONE

    @property
    def is_waiting(self) -> bool:
        """Whether the task still has to be pushed."""
        return self.event in (Event.PLANNED, Event.CLAIMED)
