"""A labelling server in memory with simulated annotators; it fails on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from goldloop.core.annotations import Annotation, ListedTask, ServerCounts, TaskState
from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask, Purpose

_DATABASE = ("tasks", "_task_ids", "_annotation_ids")


@dataclass(slots=True)
class MemoryTask:
    """A task on the server: `pushed` is the task from goldloop, `answers` holds its annotations by id.

    `n_asked` different annotators may answer it.
    """

    pushed: NewTask
    updated_at: datetime
    n_asked: int = 1
    answers: dict[int, Annotation] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether more annotators may answer it; an onboarding task is open to all annotators."""
        annotators = {answer.annotator for answer in self.answers.values() if not answer.is_skip}
        return self.pushed.purpose is Purpose.ONBOARDING or len(annotators) < self.n_asked

    def knows(self, annotator: str) -> bool:
        """Whether `annotator` has answered or skipped it, or is barred from it."""
        return annotator in self.pushed.barred or any(
            answer.annotator == annotator for answer in self.answers.values()
        )


class MemoryLabelingServer:
    """A labelling server in memory with simulated annotators.

    As a `LabelingQueue` it behaves like the Label Studio adapter (tests/contracts proves it). Annotators
    `answer`, `skip`, `edit` and `retract`; `next_for` returns the task that an annotator gets. The clock
    `now` advances one second with every change, so runs repeat exactly.

    While `is_down`, every call raises ServiceUnreachableError. `break_push_after` makes the next push create
    so many tasks on the server and then fail without a reply, like a lost connection. Setting `now` sets the
    server's clock, and `backup` and `restore` copy its database.
    """

    def __init__(self, labels: LabelSet) -> None:
        self.labels = labels
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
        self.page_size = 500
        self.tasks: dict[int, MemoryTask] = {}
        self.break_push_after: int | None = None
        self.is_down = False
        self._task_ids, self._annotation_ids = count(1), count(1)

    # What goldloop does

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create `tasks`, in order; return task ids by key."""
        self._check_up()
        n_taken, self.break_push_after = self.break_push_after, None
        ids: dict[str, int] = {}
        for task in tasks[:n_taken]:
            ids[task.key] = next(self._task_ids)
            self.tasks[ids[task.key]] = MemoryTask(task, self._tick())
        if n_taken is not None:
            raise ServiceUnreachableError(
                "the labelling server in memory lost the connection during a push; push again"
            )
        return ids

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks that carry one of `keys`, ascending, by key."""
        self._check_up()
        wanted, ids = set(keys), dict[str, list[int]]()
        for task_id, task in self.tasks.items():
            if task.pushed.key in wanted:
                ids.setdefault(task.pushed.key, []).append(task_id)
        return ids

    def counts(self) -> ServerCounts:
        """Return the numbers of tasks and of answers."""
        self._check_up()
        answers = [answer for task in self.tasks.values() for answer in task.answers.values()]
        return ServerCounts(len(self.tasks), sum(not answer.is_skip for answer in answers))

    def listing(self) -> list[ListedTask]:
        """Return every task, by ascending id."""
        keys = self.all_tasks()
        return [
            ListedTask(task_id, keys[task_id], task.updated_at, len(task.answers))
            for task_id, task in sorted(self.tasks.items())
            if task_id in keys
        ]

    def states(self, task_ids: Sequence[int]) -> list[TaskState]:
        """Return these tasks and their present annotations; ids without a task are left out."""
        self._check_up()
        return [self._state(task_id) for task_id in task_ids if task_id in self.tasks]

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id."""
        self._check_up()
        return {task_id: task.pushed.key for task_id, task in self.tasks.items()}

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""
        self._check_up()
        return {task_id for task_id in task_ids if task_id in self.tasks and self.tasks[task_id].answers}

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks and their answers; ids without a task are ignored."""
        self._check_up()
        for task_id in task_ids:
            self.tasks.pop(task_id, None)

    def ask(self, n_answers: Mapping[int, int]) -> None:
        """Set by how many different annotators each task, by id, is to be answered in total."""
        self._check_up()
        for task_id, n in n_answers.items():
            task = self.tasks.get(task_id)
            if task is not None and task.n_asked != n:
                task.n_asked = n
                task.updated_at = self._tick()

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment`, oldest change first."""
        self._check_up()
        changed = sorted(
            (task.updated_at, task_id)
            for task_id, task in self.tasks.items()
            if moment is None or task.updated_at >= moment
        )
        for first in range(0, len(changed), self.page_size):
            self._check_up()
            yield [self._state(task_id) for _, task_id in changed[first : first + self.page_size]]

    def _state(self, task_id: int) -> TaskState:
        task = self.tasks[task_id]
        return TaskState(task_id, task.pushed.key, task.updated_at, tuple(task.answers.values()))

    # What annotators do

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that `annotator` gets next, or None.

        It is the first open task that the annotator has neither answered nor skipped, in the project of
        `purpose`: adjudication, onboarding, or the main project for every other purpose and None.
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
    ) -> int:
        """Submit `label` for a task as `annotator`, a skip if it is None; return the annotation id.

        Only a skip and an adjudicator's answer keep the `reason`.
        """
        task = self.tasks[task_id]
        task.updated_at = self._tick()
        has_reason = label is None or task.pushed.purpose is Purpose.ADJUDICATION
        read, problem = self._read(label)
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
            reason=reason if has_reason else None,
            shown_label=shown.label if shown else None,
            shown_score=shown.score if shown else None,
            shown_model_version=shown.model_version if shown else None,
        )
        return annotation_id

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task as `annotator`; return the annotation id."""
        return self.answer(task_id, annotator, None, lead_time_s=1.0, reason=reason)

    def edit(self, annotation_id: int, label: str) -> None:
        """Change the label of an answer; an edited skip becomes an answer."""
        task = self._holder(annotation_id)
        task.updated_at = self._tick()
        read, problem = self._read(label)
        task.answers[annotation_id] = replace(
            task.answers[annotation_id],
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

    def _check_up(self) -> None:
        if self.is_down:
            raise ServiceUnreachableError("the labelling server in memory is down")

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _read(self, label: str | None) -> tuple[str | None, str | None]:
        """Return label and problem of an answer."""
        if label is None or label in self.labels:
            return label, None
        return None, f"label {label!r} is not in the label set"

    def _holder(self, annotation_id: int) -> MemoryTask:
        return next(task for task in self.tasks.values() if annotation_id in task.answers)


def _project(purpose: Purpose | None) -> Purpose | None:
    """Return the purpose that stands for its Label Studio project; None is the main project."""
    return purpose if purpose in (Purpose.ADJUDICATION, Purpose.ONBOARDING) else None
