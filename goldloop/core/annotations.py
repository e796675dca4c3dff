"""Annotations, as last read from Label Studio, and answers: annotations joined with their tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite

from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

NOBODY = (None, "None")
"""Annotators of answers whose author is unknown; an earlier goldloop wrote the second."""

EDIT_AFTER = timedelta(seconds=2)  # Label Studio's two timestamps of one submit differ by less


class AnnotationStatus(StrEnum):
    """What an annotation is now; only an answer votes."""

    ANSWER = "answer"
    SKIP = "skip"
    DEFERRED = "deferred"  # the annotator asked for a full review in place of giving a label
    INVALID = "invalid"
    RETRACTED = "retracted"


GIVEN = (AnnotationStatus.ANSWER, AnnotationStatus.DEFERRED)
"""What ends a task for its annotator: an answer, or the wish that others look."""


class Resolution(StrEnum):
    """What the user decided about an answer that the server no longer holds."""

    KEPT = "kept"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an annotator gave beside a label: how severe, which rule, which parts, and in their own words.

    `spans` are the parts of the sample that the annotator marked, as text.
    """

    severity: str | None = None
    rule: str | None = None
    spans: tuple[str, ...] = ()
    note: str | None = None

    def __str__(self) -> str:
        """Return rule and severity as they stand behind a label."""
        return ", ".join(filter(None, (self.rule, self.severity)))


NO_GROUNDS = Grounds()


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotator's answer to one task.

    `label` is None for a skip, for an unreadable answer, whose fault is in `problem`, and for an answer whose
    `reason` is DEFERRAL, which asks for a full review. Of all others `reason` holds what the annotator picked
    of the reasons on the page, and `grounds` what they gave beside the label, None where they gave nothing.
    `lead_time_s` is reported by the browser in seconds, idle time included. The `shown_*` fields describe the
    suggestion that the annotator saw; they are None on a blind task.

    `annotator` is the account that gave the answer, None where the server no longer names it. `server_author`
    is the account under whose name the server lists the answer, which may be another. `is_bulk` tells that an
    import or a bulk action of the server made the answer, and that no account has saved it since.
    """

    annotation_id: int
    annotator: str | None
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
    server_author: str | None = None
    is_bulk: bool = False
    grounds: Grounds | None = None

    @property
    def status(self) -> AnnotationStatus:
        """What the annotation is while the server holds it."""
        if self.is_skip:
            return AnnotationStatus.SKIP
        if self.label is not None:
            return AnnotationStatus.ANSWER
        is_deferred = self.reason == DEFERRAL and self.problem is None
        return AnnotationStatus.DEFERRED if is_deferred else AnnotationStatus.INVALID


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task in Label Studio and its present annotations, without drafts.

    `key` is "" where the task has none. `content` is the digest of the data that annotators see, see
    `goldloop.core.ports.LabelingQueue.content_of`. The server cannot list the annotations of a task that is
    not `is_listed`.
    """

    task_id: int
    key: str
    updated_at: datetime
    annotations: Sequence[Annotation]
    content: str | None = None
    is_listed: bool = True


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task in the list of all tasks; `n_annotations` counts its answers and skips."""

    task_id: int
    key: str
    updated_at: datetime
    n_annotations: int


@dataclass(frozen=True, slots=True)
class ServerCounts:
    """Numbers of tasks and of answers, without skips, on the labelling server."""

    n_tasks: int
    n_answers: int

    def __add__(self, other: ServerCounts) -> ServerCounts:
        """Return the numbers of both together."""
        return ServerCounts(self.n_tasks + other.n_tasks, self.n_answers + other.n_answers)


NO_TASKS = ServerCounts(0, 0)

Identity = tuple[str, int, int, datetime]
"""Key and id of the task, id and time of creation of the annotation.

A restored or new server repeats ids; it does not repeat the moment of an answer.
"""


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """An annotation as goldloop keeps it.

    `task_updated_at` is when the server, by its clock, last changed the task, and `seen_at` when goldloop, by
    its own clock, began the pull that read it. `resolution` is the user's decision about an answer that
    vanished from the server. `server_author` and `is_bulk` are None in rows that an earlier goldloop wrote.
    """

    annotation_id: int
    task_id: int
    key: str
    annotator: str | None
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
    server_author: str | None = None
    is_bulk: bool | None = None
    seen_at: datetime | None = None
    resolution: Resolution | None = None
    grounds: Grounds | None = None

    @property
    def identity(self) -> Identity:
        """What tells the annotation from every other, also on a server that repeats ids."""
        return self.key, self.task_id, self.annotation_id, self.created_at

    @property
    def is_on_server(self) -> bool:
        """Whether the server held it when goldloop last looked."""
        return self.status is not AnnotationStatus.RETRACTED and self.resolution is not Resolution.KEPT

    @classmethod
    def of(
        cls, task: TaskState, annotation: Annotation, *, seen_at: datetime | None = None
    ) -> StoredAnnotation:
        """Return `annotation` of `task` as it is kept; a time that is no number is none."""
        taken = {field.name: getattr(annotation, field.name) for field in fields(annotation)}
        del taken["is_skip"]  # the status says it
        if annotation.lead_time_s is not None and not isfinite(annotation.lead_time_s):
            taken["lead_time_s"] = None  # nan is equal to nothing, so each pull would find it changed
        return cls(
            **taken,
            status=annotation.status,
            task_id=task.task_id,
            key=task.key,
            task_updated_at=task.updated_at,
            seen_at=seen_at,
        )


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
    grounds: Grounds = NO_GROUNDS

    @property
    def is_skip(self) -> bool:
        """Whether the annotator gave no label: skipped the task, or asked for a full review."""
        return self.label is None

    @property
    def is_deferred(self) -> bool:
        """Whether the annotator asked for a full review in place of giving a label."""
        return self.label is None and self.reason == DEFERRAL

    @property
    def is_edited(self) -> bool:
        """Whether the annotator changed the answer later; `lead_time_s` then includes both times."""
        return self.updated_at - self.created_at > EDIT_AFTER
