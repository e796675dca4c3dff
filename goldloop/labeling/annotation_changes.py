"""Changes of annotations: what the state of a task on the server says that the table does not hold yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from goldloop.core.annotations import AnnotationStatus, Identity, Resolution, StoredAnnotation, TaskState
from goldloop.labeling.altered_tasks import checked
from goldloop.labeling.authorship import with_recorded_author

KeptByKey = dict[str, dict[Identity, StoredAnnotation]]
"""The annotations in the table, by key of their task and then by identity."""


@dataclass(slots=True)
class TaskChanges:
    """Annotations to write: `put` are new or newer, `lost` are retracted or older than those kept.

    goldloop writes `lost` only if there are few of them or the user agrees.
    """

    put: list[StoredAnnotation] = field(default_factory=list)
    lost: list[StoredAnnotation] = field(default_factory=list)


def by_key(annotations: Iterable[StoredAnnotation]) -> KeptByKey:
    """Return the annotations by key of their task and then by identity."""
    kept: KeptByKey = {}
    for annotation in annotations:
        kept.setdefault(annotation.key, {})[annotation.identity] = annotation
    return kept


def changes_of(
    task: TaskState,
    kept: Mapping[Identity, StoredAnnotation],
    known: Mapping[Identity, StoredAnnotation],
    *,
    seen_at: datetime,
    is_on_altered: bool = False,
) -> TaskChanges:
    """Return how a task on the server differs from the annotations `kept` for its key.

    `is_on_altered` says that the task shows other data than goldloop pushed: new answers do not count then.
    `known` holds those kept before the server was asked. What another pull has written since is not older
    than `task`, even where the server's clock says so.
    """
    changes, present = TaskChanges(), set[Identity]()

    def is_overtaken(before: StoredAnnotation) -> bool:
        earlier = known.get(before.identity)
        is_changed = earlier is None or earlier.task_updated_at != before.task_updated_at
        return is_changed and before.task_updated_at > task.updated_at

    for annotation in task.annotations:
        seen = StoredAnnotation.of(task, annotation, seen_at=seen_at)
        present.add(seen.identity)
        before = kept.get(seen.identity)
        seen = checked(with_recorded_author(seen, before), before, is_on_altered=is_on_altered)
        if before is None:
            changes.put.append(seen)
        elif not is_overtaken(before) and _content(before) != _content(seen):
            is_older = before.updated_at > seen.updated_at
            if not is_older or before.status is AnnotationStatus.RETRACTED:
                changes.put.append(seen)
            elif before.resolution is not Resolution.KEPT:
                changes.lost.append(seen)
    for before in kept.values():
        is_here = before.task_id == task.task_id and before.identity not in present
        if is_here and before.is_on_server and not is_overtaken(before):
            retracted = AnnotationStatus.RETRACTED
            changes.lost.append(
                replace(before, status=retracted, task_updated_at=task.updated_at, seen_at=seen_at)
            )
    return changes


def _content(annotation: StoredAnnotation) -> StoredAnnotation:
    """Return the annotation without the times of its task, which change without it."""
    return replace(annotation, task_updated_at=annotation.created_at, seen_at=None)
