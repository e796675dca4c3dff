"""Annotations: one person's answer, or a skip, as last seen on the labelling server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Annotation:
    """One person's answer to one task, as last seen.

    `label` is None for a skip and for an answer that could not be read; `problem` then says what was wrong
    with the latter. `reason` is why it was skipped, or why an adjudicator decided so, where that was said.
    `lead_time_s` is what the browser reported, idle time included. The `shown_*` fields are the suggestion
    the annotator saw, None on a blind task.
    """

    annotation_id: int
    annotator: str
    label: str | None
    is_skip: bool
    created_at: datetime
    updated_at: datetime
    lead_time_s: float | None
    problem: str | None = None
    reason: str | None = None
    shown_label: str | None = None
    shown_score: float | None = None
    shown_model_version: str | None = None


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task on the server and every annotation it holds now; drafts are not among them."""

    task_id: int
    key: str
    updated_at: datetime
    annotations: Sequence[Annotation]


class AnnotationStatus(StrEnum):
    """What an annotation is now; only an answer votes."""

    ANSWER = "answer"
    SKIP = "skip"
    INVALID = "invalid"
    RETRACTED = "retracted"
