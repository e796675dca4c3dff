"""The merge of annotations: writes what is new on the server, and holds back what is lost there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from goldloop.core.annotations import (
    AnnotationStatus,
    Identity,
    ListedTask,
    StoredAnnotation,
    TaskState,
)
from goldloop.labeling.altered_tasks import altered_sentences, by_task_id, identified, is_altered
from goldloop.labeling.annotation_changes import TaskChanges, by_key, changes_of
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.not_counted import unlisted_sentences
from goldloop.tables.answers import merge_annotations
from goldloop.tables.snapshot import Snapshot


def n_on_server(annotations: Iterable[StoredAnnotation]) -> int:
    """Return how many of the annotations are answers that the server holds, as far as goldloop knows."""
    given = (AnnotationStatus.ANSWER, AnnotationStatus.DEFERRED, AnnotationStatus.INVALID)
    return sum(row.status in given and row.is_on_server for row in annotations)


class AnnotationMerge:
    """One merge of tasks from the server into the annotations of a snapshot.

    `seen` holds when each merged task was changed, by its id, `written` the new and edited annotations, and
    `lost` by identity those that the server has lost or set back, which `write_lost` writes. `problems` are
    sentences about tasks whose answers cannot count.
    """

    def __init__(self, context: LabelingContext, snapshot: Snapshot) -> None:
        self.seen: dict[int, datetime] = {}
        self.written: list[StoredAnnotation] = []
        self.problems: list[str] = []
        self.lost: dict[Identity, StoredAnnotation] = {}
        self.n_new = self.n_set_back = self.n_retracted = 0
        self._context, self._snapshot, self._seen_at = context, snapshot, context.clock()
        self._by_id = by_task_id(snapshot.tasks)
        self._known = by_key(snapshot.annotations)
        self._kept = dict(self._known)  # `_keep` puts new dicts in place of those that they share

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot with the annotations as they are now."""
        rows = tuple(row for kept in self._kept.values() for row in kept.values())
        return replace(self._snapshot, annotations=rows)

    @property
    def n_answers(self) -> int:
        """How many answers the server holds for goldloop's tasks, as far as goldloop knows."""
        rows = (
            self.lost.get(identity, row) if self.lost else row
            for kept in self._kept.values()
            for identity, row in kept.items()
        )
        return n_on_server(rows)

    @property
    def repeats_ids(self) -> bool:
        """Whether the server has given the id of an answer to another one, as after a restore."""
        rows = [row for kept in self._kept.values() for row in kept.values() if row.is_on_server]
        return len({row.annotation_id for row in rows}) < len(rows)

    def retract_gone(self) -> None:
        """Retract every annotation on tasks that were deleted on the server."""
        gone = {key for key, task in self._snapshot.tasks.items() if not task.is_live}
        rows = [row for key in gone for row in self._kept.get(key, {}).values() if row.is_on_server]
        self._retract([replace(row, status=AnnotationStatus.RETRACTED) for row in rows])

    def add(self, page: Sequence[TaskState]) -> list[TaskState]:
        """Merge a page of tasks; return those that goldloop planned."""
        tasks = [identified(task, self._by_id) for task in page]
        ours = [task for task in tasks if self._is_planned(task.key, task.task_id)]
        altered = {task.task_id for task in ours if is_altered(task, self._snapshot.tasks[task.key])}
        sentences = altered_sentences(altered, self._by_id) + unlisted_sentences(ours)
        self.problems += [sentence for sentence in sentences if sentence not in self.problems]
        self.seen |= {task.task_id: task.updated_at for task in ours}
        changed = {task.task_id for task in ours if task.is_listed and self._changes(task, self._kept)}
        ids = {task.task_id for task in ours}  # this page is newer than what was lost before
        self.lost = {identity: row for identity, row in self.lost.items() if row.task_id not in ids}
        if changed:
            self._merge([task for task in ours if task.task_id in changed])
        return ours

    def differs(self, task: ListedTask) -> bool:
        """Whether the list of all tasks says something else of a planned task than the table does."""
        task = identified(task, self._by_id)
        if not self._is_planned(task.key, task.task_id):
            return False
        kept = self._kept.get(task.key, {}).values()
        rows = [row for row in kept if row.task_id == task.task_id and row.is_on_server]
        newest = max((row.task_updated_at for row in rows), default=task.updated_at)
        return len(rows) != task.n_annotations or newest != task.updated_at

    def write_lost(self) -> None:
        """Write what the server has lost."""
        self._retract(list(self.lost.values()))

    def _is_planned(self, key: str, task_id: int) -> bool:
        status = self._snapshot.tasks.get(key)
        return status is not None and status.task_id in (None, task_id)

    def _changes(
        self, task: TaskState, kept: Mapping[str, Mapping[Identity, StoredAnnotation]]
    ) -> TaskChanges | None:
        changes = changes_of(
            task,
            kept.get(task.key, {}),
            self._known.get(task.key, {}),
            seen_at=self._seen_at,
            is_on_altered=is_altered(task, self._snapshot.tasks[task.key]),
        )
        return changes if changes.put or changes.lost else None

    def _merge(self, page: Sequence[TaskState]) -> None:
        replaced: dict[str, dict[Identity, StoredAnnotation]] = {}
        found: list[TaskChanges] = []

        def changes(kept: Sequence[StoredAnnotation]) -> list[StoredAnnotation]:
            nonlocal replaced
            replaced = by_key(kept)
            found[:] = [change for task in page if (change := self._changes(task, replaced))]
            return [row for change in found for row in change.put]

        table = self._context.tables.annotations
        written = merge_annotations(table, changes, {task.key for task in page})
        self.n_new += sum(row.identity not in replaced.get(row.key, {}) for row in written)
        self.written += written
        self.lost |= {row.identity: row for change in found for row in change.lost}
        self._keep(written)

    def _retract(self, rows: Sequence[StoredAnnotation]) -> None:
        """Write `rows` where no other pull has written since."""
        lost = {row.identity: row for row in rows}

        def changes(kept: Sequence[StoredAnnotation]) -> list[StoredAnnotation]:
            return [
                lost[row.identity]
                for row in kept
                if row.identity in lost and row == self._kept.get(row.key, {}).get(row.identity)
            ]

        if lost:
            table = self._context.tables.annotations
            written = merge_annotations(table, changes, {row.key for row in rows})
            n_retracted = sum(row.status is AnnotationStatus.RETRACTED for row in written)
            self.n_retracted += n_retracted
            self.n_set_back += len(written) - n_retracted
            self._keep(written)

    def _keep(self, written: Sequence[StoredAnnotation]) -> None:
        for row in written:
            self._kept[row.key] = {**self._kept.get(row.key, {}), row.identity: row}
