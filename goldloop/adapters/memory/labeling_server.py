"""A labelling server in memory with simulated annotators; it fails on request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from goldloop.adapters.memory.annotators import MemoryAnnotators, MemoryTask
from goldloop.core.annotations import ListedTask, ServerCounts, TaskState
from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask


class MemoryLabelingServer(MemoryAnnotators):
    """A labelling server in memory with simulated annotators.

    As a `LabelingQueue` it behaves like the Label Studio adapter (tests/contracts proves it).

    While `is_down`, every call raises ServiceUnreachableError. `break_push_after` makes the next push create
    so many tasks on the server and then fail without a reply, like a lost connection.
    """

    def __init__(self, labels: LabelSet) -> None:
        super().__init__(labels)
        self.page_size = 500
        self.break_push_after: int | None = None
        self.is_down = False

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

    def content_of(self, task: NewTask) -> str:
        """Return the digest of what annotators see of a task; they see neither who is barred nor the plan."""
        return sha256(repr(replace(task, barred=(), sealed="")).encode()).hexdigest()

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks that carry one of `keys`, ascending, by key."""
        self._check_up()
        wanted, ids = set(keys), dict[str, list[int]]()
        for task_id, task in self.tasks.items():
            if task.pushed.key in wanted:
                ids.setdefault(task.pushed.key, []).append(task_id)
        return ids

    def bar(self, barred: Mapping[int, Collection[str]]) -> None:
        """Keep tasks, by id, from annotators."""
        self._check_up()
        for task_id, annotators in barred.items():
            task = self.tasks.get(task_id)
            if task is not None:
                names = (*task.pushed.barred, *annotators)
                task.pushed = replace(task.pushed, barred=tuple(dict.fromkeys(names)))

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

    def sealed_plans(self, task_ids: Sequence[int]) -> dict[int, str]:
        """Return the sealed plan of each of these tasks that has one, by id."""
        self._check_up()
        there = {task_id: self.tasks[task_id].pushed.sealed for task_id in task_ids if task_id in self.tasks}
        return {task_id: sealed for task_id, sealed in there.items() if sealed}

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
        answers = tuple(task.answers.values()) if task.is_listed else ()
        content = self.content_of(task.pushed)
        return TaskState(task_id, task.pushed.key, task.updated_at, answers, content, task.is_listed)

    def _check_up(self) -> None:
        if self.is_down:
            raise ServiceUnreachableError("the labelling server in memory is down")
