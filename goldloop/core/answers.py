"""Answers: annotations joined with why they were asked for and what was suggested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

EDIT_AFTER = timedelta(seconds=2)  # the server stamps creation and update of one submit within this


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's newest answer to one task, or a skip, in which case `label` is None.

    `round` is the one that was open when it was given. `suggested_label` is what the model suggested, or
    would have suggested where `is_shown` is False; None where there was no model.
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
        """Whether the person gave no label."""
        return self.label is None

    @property
    def is_edited(self) -> bool:
        """Whether it was changed after it was given; its lead time then holds both sittings."""
        return self.updated_at - self.created_at > EDIT_AFTER
