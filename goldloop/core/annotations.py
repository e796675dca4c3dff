"""Annotations: an annotator's answer or skip, as last read from Label Studio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AnnotationStatus(StrEnum):
    """What an annotation is now; only an answer votes."""

    ANSWER = "answer"
    SKIP = "skip"
    INVALID = "invalid"
    RETRACTED = "retracted"


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

    @property
    def status(self) -> AnnotationStatus:
        """What the annotation is while the server holds it."""
        if self.is_skip:
            return AnnotationStatus.SKIP
        return AnnotationStatus.INVALID if self.label is None else AnnotationStatus.ANSWER


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task in Label Studio and its present annotations, without drafts."""

    task_id: int
    key: str
    updated_at: datetime
    annotations: Sequence[Annotation]


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """An annotation as goldloop keeps it: `task_updated_at` is when the server last changed its task."""

    annotation_id: int
    task_id: int
    key: str
    annotator: str
    status: AnnotationStatus
    label: str | None
    problem: str | None
    reason: str | None
    lead_time_s: float | None
    created_at: datetime
    updated_at: datetime
    task_updated_at: datetime
    shown_label: str | None
    shown_score: float | None
    shown_model_version: str | None

    @classmethod
    def of(cls, task: TaskState, annotation: Annotation) -> StoredAnnotation:
        """Return `annotation` of `task` as it is kept."""
        return cls(
            annotation_id=annotation.annotation_id,
            task_id=task.task_id,
            key=task.key,
            annotator=annotation.annotator,
            status=annotation.status,
            label=annotation.label,
            problem=annotation.problem,
            reason=annotation.reason,
            lead_time_s=annotation.lead_time_s,
            created_at=annotation.created_at,
            updated_at=annotation.updated_at,
            task_updated_at=task.updated_at,
            shown_label=annotation.shown_label,
            shown_score=annotation.shown_score,
            shown_model_version=annotation.shown_model_version,
        )
