"""Altered tasks: tasks whose data on the server is no longer what goldloop pushed.

Every account can change the data of a task. Its annotators then look at another sample, or see another
suggestion, so their answers do not count. Answers from before the change stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from goldloop.core.annotations import AnnotationStatus, ListedTask, StoredAnnotation, TaskState
from goldloop.core.planned_tasks import TaskStatus

_Task = TypeVar("_Task", TaskState, ListedTask)

PROBLEM = "its task showed other data than goldloop pushed"


def is_altered(task: TaskState, status: TaskStatus) -> bool:
    """Return whether `task` shows other data than goldloop pushed; False where that was not recorded."""
    return status.content is not None and task.content is not None and status.content != task.content


def altered_sentences(altered: Collection[int], by_id: Mapping[int, TaskStatus]) -> list[str]:
    """Return, for each altered task that is no copy, what is wrong and what to do."""
    return [
        f"the answers to task {task_id} ({by_id[task_id].purpose} of sample {by_id[task_id].sample_id[:12]}) "
        "since its last change: it shows other data than goldloop pushed; correct it in Label Studio, or "
        "delete the task there and run 'goldloop push'"
        for task_id in sorted(altered)
        if task_id in by_id
    ]


def checked(
    seen: StoredAnnotation, before: StoredAnnotation | None, *, is_on_altered: bool
) -> StoredAnnotation:
    """Return `seen`, with a problem if it was given while its task was altered.

    Correcting the data of the task does not make an answer to other data count.
    """
    is_refused = is_on_altered
    if before is not None and before.updated_at == seen.updated_at:
        is_refused = before.problem == PROBLEM
    if not is_refused:
        return seen
    return replace(seen, status=AnnotationStatus.INVALID, label=None, problem=PROBLEM)


def by_task_id(tasks: Mapping[str, TaskStatus]) -> dict[int, TaskStatus]:
    """Return the pushed tasks by their ids on the server, which a changed key does not change."""
    return {task.task_id: task for task in tasks.values() if task.is_live and task.task_id is not None}


def identified(task: _Task, by_id: Mapping[int, TaskStatus]) -> _Task:
    """Return a task of the server under the key that goldloop gave it, whatever key it carries now."""
    planned = by_id.get(task.task_id)
    return task if planned is None or planned.key == task.key else replace(task, key=planned.key)


def with_own_keys(listing: Sequence[ListedTask], tasks: Mapping[str, TaskStatus]) -> list[ListedTask]:
    """Return every task of the server under the key that goldloop gave it.

    A server that was restored repeats ids: a task with another planned key than its id had is that key's, if
    that key has no task of its own.
    """
    by_id, key_of = by_task_id(tasks), {task.task_id: task.key for task in listing}

    def is_moved(task: ListedTask) -> bool:
        planned = tasks.get(task.key)
        return planned is not None and key_of.get(planned.task_id or 0) != task.key

    return [task if is_moved(task) else identified(task, by_id) for task in listing]
