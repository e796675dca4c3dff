"""Duplicates: tasks on the server that carry the same key, of which one remains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from goldloop.core.annotations import ListedTask, Resolution, StoredAnnotation, TaskState
from goldloop.core.planned_tasks import TaskStatus
from goldloop.labeling.altered_tasks import checked, is_altered
from goldloop.labeling.context import LabelingContext
from goldloop.tables.answers import merge_annotations


def remove_duplicates(
    context: LabelingContext, listing: Sequence[ListedTask], tasks: Mapping[str, TaskStatus]
) -> tuple[dict[str, int], list[int]]:
    """Return the task id of each key, and the ids of the deleted duplicates.

    Of the tasks with one key that show what goldloop pushed, goldloop keeps the first that has an answer, or
    else the first. An import that
    arrives late can double tasks that annotators have answered on both copies: before goldloop deletes a
    copy, it stores the answers there, which go on to count (one vote of each annotator, the newest).
    """
    by_key: dict[str, list[int]] = {}
    for task in listing:
        by_key.setdefault(task.key, []).append(task.task_id)
    doubled = [task_id for ids in by_key.values() if len(ids) > 1 for task_id in ids]
    states = {task.task_id: task for task in context.queue.states(doubled)} if doubled else {}
    answered = {task_id for task_id, task in states.items() if task.annotations}
    altered = {
        task_id
        for key, ids in by_key.items()
        for task_id in ids
        if task_id in states and key in tasks and is_altered(states[task_id], tasks[key])
    }
    kept = {
        key: min(ids, key=lambda task_id: (task_id in altered, task_id not in answered, task_id))
        for key, ids in by_key.items()
    }
    surplus = sorted(set(doubled) - set(kept.values()))
    if surplus:
        own_key = {task_id: key for key, ids in by_key.items() for task_id in ids}
        lost = [task_id for task_id in surplus if task_id in answered]
        _secure([replace(states[task_id], key=own_key[task_id]) for task_id in lost], altered, context)
        context.queue.delete(surplus)
    return kept, surplus


def _secure(tasks: Collection[TaskState], altered: Collection[int], context: LabelingContext) -> None:
    """Store the answers of tasks that goldloop is about to delete; no later pull retracts them."""
    seen_at = context.clock()
    found = [
        checked(
            StoredAnnotation.of(task, annotation, seen_at=seen_at),
            None,
            is_on_altered=task.task_id in altered,
        )
        for task in tasks
        for annotation in task.annotations
    ]
    given = [replace(row, resolution=Resolution.KEPT) for row in found]
    if given:
        merge_annotations(context.tables.annotations, lambda _: given, {task.key for task in tasks})
