"""Losses: tasks and answers that vanished from the labelling server without goldloop's doing.

A few losses are ordinary: an annotator deletes an own answer. When the losses since the user's last decision
are more than FEW_LOST, goldloop stops until the user decides: keep the answers, or drop them from gold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from goldloop.consensus.admission import refusal_of
from goldloop.core.annotations import AnnotationStatus, Resolution, StoredAnnotation
from goldloop.core.errors import TasksLostError
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.questions import DEFERRAL
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.tables.answers import merge_annotations, record_told
from goldloop.tables.snapshot import Snapshot

FEW_LOST = 3  # tasks and answers; summed over all pulls until the user decides
VANISHED = "deleted on the server"
_CONFIRMED = "deleted on the server, confirmed by the user"


class Decision(StrEnum):
    """What the user wants done about losses."""

    KEEP = "keep"
    DROP = "drop"


def vanished_tasks(snapshot: Snapshot) -> list[str]:
    """Return the keys of tasks that vanished from the server and that the user has not decided about."""
    return [
        key for key, task in snapshot.tasks.items() if task.event is Event.GONE and task.detail == VANISHED
    ]


def lost_answers(snapshot: Snapshot, lost: Iterable[StoredAnnotation] = ()) -> list[StoredAnnotation]:
    """Return the answers that vanished and that the user has not decided about, with those of `lost`.

    An annotator who deletes an answer and gives another to the same task has lost none.
    """
    gone = set(vanished_tasks(snapshot))
    now = {row.identity: row for row in (*snapshot.annotations, *lost)}
    older = {row.identity for row in lost if row.status is not AnnotationStatus.RETRACTED}

    def is_lost(row: StoredAnnotation) -> bool:
        is_absent = row.status is AnnotationStatus.RETRACTED or row.key in gone
        return row.resolution is None and (is_absent or row.identity in older)

    given = {
        (row.key, row.annotator)
        for row in now.values()
        if row.status is AnnotationStatus.ANSWER and not is_lost(row)
    }
    return _one_for_each_person(
        row for row in now.values() if is_lost(row) and (row.key, row.annotator) not in given
    )


def _one_for_each_person(rows: Iterable[StoredAnnotation]) -> list[StoredAnnotation]:
    """Return one of the answers that an annotator gave to a task; skips and refused answers are left out."""
    counted = (row for row in rows if row.label is not None and refusal_of(row) is None)
    return list({(row.key, row.annotator): row for row in counted}.values())


def ask_about_losses(
    snapshot: Snapshot,
    gone: Collection[str] = (),
    lost: Sequence[StoredAnnotation] = (),
    *,
    newest_there: datetime | None,
    is_restored: bool = False,
) -> None:
    """Raise when the tasks `gone` and the answers `lost` now, with the losses before, are more than a few.

    On a server that shows signs of a restore (`is_restored`), one loss is enough.

    Raises:
        TasksLostError: the user has to decide. Every account can delete tasks and answers, and a restored
            server lacks the newest; neither alone may take labels out of gold.
    """
    if not gone and not lost:
        return
    before = lost_answers(snapshot)
    on_gone = [row for row in snapshot.annotations if row.key in set(gone) and row.is_on_server]
    answers = _one_for_each_person([*lost_answers(snapshot, lost), *on_gone])
    answered = {row.key for row in answers}
    tasks = {*gone, *vanished_tasks(snapshot)}
    n_lost, n_ordinary = len(answers) + len(tasks - answered), 0 if is_restored else FEW_LOST
    if not (gone or len(answers) > len(before)) or n_lost <= n_ordinary:
        return
    n_tasks = len(tasks) + len(snapshot.pushed) - len(set(gone))
    n_given = len(_one_for_each_person(row for row in snapshot.annotations if row.resolution is None))
    what = [f"{len(tasks)} of {n_tasks} tasks"] if tasks else []
    what += [f"{len(answers)} of {n_given} answers"] if answers else []
    why = _compared(snapshot, newest_there, is_restored=is_restored)
    raise TasksLostError(
        f"{' and '.join(what)} are gone from the labelling server or older there, and goldloop did not "
        f"delete them{why}. Gold is unchanged.{_whose(answers)} Restore the server from its "
        "newest backup, or decide: 'goldloop pull --keep-lost' keeps the answers in gold and pushes "
        "unfinished tasks again; 'goldloop pull --accept-lost' removes the answers from gold"
    )


def _whose(answers: Sequence[StoredAnnotation]) -> str:
    """Return whose the lost answers are: one annotator who deletes is not a server that was restored."""
    counts = Counter(str(row.annotator) for row in answers).most_common()
    named = ", ".join(f"{n} of annotator {who}" for who, n in counts)
    return f" The answers are {named}." if named else ""


def _compared(snapshot: Snapshot, there: datetime | None, *, is_restored: bool) -> str:
    here = max((row.task_updated_at for row in snapshot.annotations if row.resolution is None), default=None)
    if there is not None and here is not None and there < here:
        return (
            f"; the newest change there is of {there:%Y-%m-%d %H:%M:%S} UTC, goldloop has seen one of "
            f"{here:%Y-%m-%d %H:%M:%S} UTC, as if the server was restored from a backup"
        )
    return "; the server gives ids again, as if it was restored from a backup" if is_restored else ""


def settle_losses(
    context: LabelingContext,
    state: LoopState,
    decision: Decision,
    gone: Collection[str] = (),
    lost: Sequence[StoredAnnotation] = (),
) -> None:
    """Do what the user decided about the tasks `gone`, the answers `lost`, and the losses before them."""
    snapshot = state.snapshot
    tasks = {*gone, *vanished_tasks(snapshot)}
    answers = {row.identity for row in (*lost_answers(snapshot), *lost)}
    keys = {identity[0] for identity in answers} | tasks
    older = {row.identity: row for row in lost if row.status is not AnnotationStatus.RETRACTED}

    def settled(row: StoredAnnotation) -> StoredAnnotation:
        if decision is Decision.DROP:
            dropped = replace(row, status=AnnotationStatus.RETRACTED, resolution=Resolution.DROPPED)
            return older.get(row.identity, dropped)
        return replace(row, status=_given_status(row), resolution=Resolution.KEPT)

    def changes(kept: Sequence[StoredAnnotation]) -> list[StoredAnnotation]:
        return [
            settled(row)
            for row in kept
            if row.identity in answers or (row.key in tasks and row.resolution is None)
        ]

    merge_annotations(context.tables.annotations, changes, keys)
    forget_told(context, snapshot, tasks)
    if decision is Decision.DROP:
        context.task_log.record(Event.GONE, dict.fromkeys(tasks), snapshot.tasks, _CONFIRMED)
    else:
        _keep_tasks(context, state, tasks | _delete_emptied(context, snapshot, keys - tasks))


def forget_told(context: LabelingContext, snapshot: Snapshot, gone: Collection[str]) -> None:
    """Forget the numbers of answers set on tasks that are gone; a later task may get the id of an old one."""
    told = {key for key, status in snapshot.requests.statuses.items() if status.told[0]} & set(gone)
    if told:
        record_told(context.tables.answer_requests, dict.fromkeys(told, (0, 1)), at=context.clock())


def _given_status(row: StoredAnnotation) -> AnnotationStatus:
    """Return what an annotation was before it was retracted."""
    if row.label is not None:
        return AnnotationStatus.ANSWER
    if row.problem:
        return AnnotationStatus.INVALID
    return AnnotationStatus.DEFERRED if row.reason == DEFERRAL else AnnotationStatus.SKIP


def _delete_emptied(context: LabelingContext, snapshot: Snapshot, keys: Collection[str]) -> set[str]:
    """Delete the tasks that have lost all answers and whose label is gold; nobody is asked again."""
    in_gold = {record.sample_id for record in snapshot.gold.records}
    pushed, tasks = snapshot.pushed, snapshot.tasks
    ids = {key: pushed[key] for key in keys if key in pushed and tasks[key].sample_id in in_gold}
    answered = context.queue.answered(list(ids.values())) if ids else set()
    emptied = {key: task_id for key, task_id in ids.items() if task_id not in answered}
    context.queue.delete(list(emptied.values()))
    return set(emptied)


def _keep_tasks(context: LabelingContext, state: LoopState, gone: Collection[str]) -> None:
    """Let the answers on tasks that are gone count, and plan those tasks again whose sample is not settled.

    Annotators who have answered a task do not get it again.
    """
    tasks = state.snapshot.tasks
    in_gold = {record.sample_id for record in state.snapshot.gold.records}
    people: dict[str, set[str]] = {}
    for row in state.snapshot.annotations:
        if row.annotator is not None:
            people.setdefault(row.key, set()).add(row.annotator)
    kept = {key for key in gone if key in people and tasks[key].sample_id in in_gold}
    again = sorted(set(gone) - kept)
    context.task_log.record(Event.KEPT, dict.fromkeys(sorted(kept)), tasks, "its answers are kept")

    def plans() -> list[PlannedTask]:
        fresh = context.task_log.statuses()
        return [
            replace(
                fresh[key].plan,
                planned_at=context.clock(),
                barred=tuple(sorted({*fresh[key].plan.barred, *people.get(key, ())})),
            )
            for key in again
            if fresh[key].plan_seq == tasks[key].plan_seq
        ]

    context.task_log.plan(plans)
