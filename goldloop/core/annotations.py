"""Annotations: one annotator's answer, or a skip, as last seen on the labelling server."""

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
    """One annotator's answer to one task, as last seen.

    `label` is None for a skip and for an answer that could not be read; `problem` then names what was wrong
    with the answer. `reason` is why the annotator skipped, or why an adjudicator decided so. `lead_time_s` is
    what the browser reported, idle time included. The `shown_*` fields are the suggestion the annotator saw,
    None on a blind task.
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
    """A task on the server and every annotation it holds now; drafts are not among them."""

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
