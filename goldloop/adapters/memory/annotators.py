"""Annotators in memory: the tasks of a labelling server, and what people do to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from goldloop.core.annotations import Annotation, Grounds
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL
from goldloop.core.tasks import NewTask, Purpose

_DATABASE = ("tasks", "_task_ids", "_annotation_ids")


@dataclass(slots=True)
class MemoryTask:
    """A task on the server: `pushed` is the task from goldloop, `answers` holds its annotations by id.

    `n_asked` different annotators may answer it. While it is not `is_listed`, the server fails to list its
    annotations.
    """

    pushed: NewTask
    updated_at: datetime
    n_asked: int = 1
    answers: dict[int, Annotation] = field(default_factory=dict)
    is_listed: bool = True

    @property
    def is_open(self) -> bool:
        """Whether more annotators may answer it; an onboarding task is open to all annotators."""
        annotators = {answer.server_author for answer in self.answers.values() if not answer.is_skip}
        return self.pushed.purpose is Purpose.ONBOARDING or len(annotators) < self.n_asked

    def knows(self, annotator: str) -> bool:
        """Whether `annotator` has answered or skipped it, or is barred from it."""
        return annotator in self.pushed.barred or any(
            answer.server_author == annotator for answer in self.answers.values()
        )


class MemoryAnnotators:
    """The tasks of a labelling server, and the annotators who `answer`, `skip`, `edit` and `retract`.

    `next_for` returns the task that an annotator gets. The clock `now` advances one second with every change,
    so runs repeat exactly; setting it sets the server's clock. `backup` and `restore` copy the database.
    """

    def __init__(self, labels: LabelSet) -> None:
        self.labels = labels
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self.tasks: dict[int, MemoryTask] = {}
        self._task_ids, self._annotation_ids = count(1), count(1)

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that `annotator` gets next, or None.

        It is the first open task that the annotator has neither answered nor skipped, in the project of
        `purpose`: adjudication, onboarding, sheets, or the main project for every other purpose and None.
        """
        project = _project(purpose)
        for task_id, task in self.tasks.items():
            if _project(task.pushed.purpose) == project and task.is_open and not task.knows(annotator):
                return task_id
        return None

    def answer(
        self,
        task_id: int,
        annotator: str,
        label: str | None,
        *,
        reason: str | None = None,
        lead_time_s: float | None = 2.0,
        author: str | None = None,
        grounds: Grounds | None = None,
    ) -> int:
        """Submit `label` for a task as `annotator`, a skip if it is None; return the annotation id.

        DEFERRAL in place of a label asks for a full review.
        The server lists the answer under the name of `author`, by default the annotator's.
        """
        task = self.tasks[task_id]
        task.updated_at = self._tick()
        is_deferred = label == DEFERRAL and label not in self.labels
        read, problem = (None, None) if is_deferred else self._read(label)
        shown = task.pushed.suggestion
        annotation_id = next(self._annotation_ids)
        task.answers[annotation_id] = Annotation(
            annotation_id=annotation_id,
            annotator=annotator,
            label=read,
            is_skip=label is None,
            created_at=task.updated_at,
            updated_at=task.updated_at,
            lead_time_s=lead_time_s,
            problem=problem,
            reason=DEFERRAL if is_deferred else reason,
            shown_label=shown.label if shown else None,
            shown_score=shown.score if shown else None,
            shown_model_version=shown.model_version if shown else None,
            server_author=author or annotator,
            grounds=grounds,
        )
        return annotation_id

    def accept_suggestions(self, task_ids: Sequence[int], annotator: str) -> None:
        """Make each task's suggestion an answer of `annotator`, by the bulk action that every account has."""
        at = self._tick()
        for task_id in task_ids:
            suggestion = self.tasks[task_id].pushed.suggestion
            if suggestion is not None:
                annotation_id = self.answer(task_id, annotator, suggestion.label, lead_time_s=None)
                answer = self.tasks[task_id].answers[annotation_id]
                bulk = replace(answer, created_at=at, updated_at=at, is_bulk=True)
                self.tasks[task_id].answers[annotation_id] = bulk

    def import_copy(self, task_id: int, authors: Mapping[str, str]) -> int:
        """Import a copy of a task with its answers, under the names that `authors` gives; return its id."""
        task, copy_id = self.tasks[task_id], next(self._task_ids)
        at = self._tick()
        copies = [
            replace(
                answer,
                annotation_id=next(self._annotation_ids),
                annotator=authors[str(answer.server_author)],
                server_author=authors[str(answer.server_author)],
                created_at=at,
                updated_at=at,
                is_bulk=True,
            )
            for answer in task.answers.values()
        ]
        answers = {answer.annotation_id: answer for answer in copies}
        self.tasks[copy_id] = MemoryTask(task.pushed, at, task.n_asked, answers)
        return copy_id

    def patch(self, task_id: int, **changes: Any) -> None:
        """Change what annotators see of a task, as every account can."""
        task = self.tasks[task_id]
        task.pushed = replace(task.pushed, **changes)
        task.updated_at = self._tick()

    def delete_account(self, annotator: str) -> None:
        """Delete an account; its answers stay, and their tasks do not count as changed."""
        for task in self.tasks.values():
            for annotation_id, answer in task.answers.items():
                saver = None if answer.annotator == annotator or answer.is_bulk else answer.annotator
                author = None if answer.server_author == annotator else answer.server_author
                is_bulk = saver is None and author is not None
                named = replace(answer, annotator=saver or author, server_author=author, is_bulk=is_bulk)
                task.answers[annotation_id] = named

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task as `annotator`; return the annotation id."""
        return self.answer(task_id, annotator, None, lead_time_s=1.0, reason=reason)

    def edit(self, annotation_id: int, label: str, *, annotator: str | None = None) -> None:
        """Change the label of an answer, by default as its author; an edited skip becomes an answer."""
        task = self._holder(annotation_id)
        task.updated_at = self._tick()
        read, problem = self._read(label)
        task.answers[annotation_id] = replace(
            task.answers[annotation_id],
            annotator=annotator or task.answers[annotation_id].server_author,
            is_bulk=False,
            label=read,
            problem=problem,
            reason=None,
            is_skip=False,
            updated_at=task.updated_at,
        )

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        task = self._holder(annotation_id)
        del task.answers[annotation_id]
        task.updated_at = self._tick()

    def backup(self) -> dict[str, Any]:
        """Return a copy of the database, for `restore`."""
        return deepcopy({name: getattr(self, name) for name in _DATABASE})

    def restore(self, backup: Mapping[str, Any]) -> None:
        """Put the database back; the ids that were given since are given again."""
        for name, value in deepcopy(dict(backup)).items():
            setattr(self, name, value)

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _read(self, label: str | None) -> tuple[str | None, str | None]:
        """Return label and problem of an answer."""
        known = None if label is None else self.labels.find(label)
        return known, None if label is None or known else f"label {label!r} is not in the label set"

    def _holder(self, annotation_id: int) -> MemoryTask:
        return next(task for task in self.tasks.values() if annotation_id in task.answers)


def _project(purpose: Purpose | None) -> Purpose | None:
    """Return the purpose that stands for its Label Studio project; None is the main project."""
    if purpose is not None and purpose.is_on_sheet:
        return Purpose.SHEET
    return purpose if purpose in (Purpose.ADJUDICATION, Purpose.ONBOARDING) else None
