"""Answers: annotations joined with the purpose and the suggestion of their tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

EDIT_AFTER = timedelta(seconds=2)  # Label Studio's two timestamps of one submit differ by less


@dataclass(frozen=True, slots=True)
class Answer:
    """An annotator's newest answer to a task; for a skip, `label` is None.

    `round` is the round that was open then. `suggested_label` is the model's suggestion, shown to the
    annotator if `is_shown`; None if there was no model. `lead_time_s` is in seconds, idle time included.
    """

    annotation_id: int
    sample_id: SampleId
    purpose: Purpose
    annotator: str
    label: str | None
    reason: str | None
    round: int
    created_at: datetime
    updated_at: datetime
    lead_time_s: float | None
    suggested_label: str | None
    is_shown: bool

    @property
    def is_skip(self) -> bool:
        """Whether the annotator skipped the task."""
        return self.label is None

    @property
    def is_edited(self) -> bool:
        """Whether the annotator changed the answer later; `lead_time_s` then includes both times."""
        return self.updated_at - self.created_at > EDIT_AFTER
