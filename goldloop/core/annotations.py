"""Annotations: an annotator's answer or skip, as last read from Label Studio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotator's answer to one task.

    `label` is None for a skip and for an unreadable answer, whose fault is in `problem`. `reason` is the text
    that the annotator gave for a skip, or the adjudicator for a decision. `lead_time_s` is reported by the
    browser in seconds, idle time included. The `shown_*` fields describe the suggestion that the annotator
    saw; they are None on a blind task.
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
    """A task in Label Studio and its present annotations, without drafts."""

    task_id: int
    key: str
    updated_at: datetime
    annotations: Sequence[Annotation]


class AnnotationStatus(StrEnum):
    """State of an annotation; only an answer votes."""

    ANSWER = "answer"
    SKIP = "skip"
    INVALID = "invalid"
    RETRACTED = "retracted"
