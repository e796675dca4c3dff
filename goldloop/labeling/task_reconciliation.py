"""Task reconciliation: makes the task log and the labelling server agree on which tasks exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from goldloop.core.errors import TasksLostError
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.ports import LabelingQueue
from goldloop.core.samples import BatchId
from goldloop.core.splits import wanted_split
from goldloop.core.tasks import Purpose, split_key
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.sealed_plans import restored_plans
from goldloop.tables.batches import read_samples

MOST_LOST = 0.5  # larger shares of tasks that disappear between two calls need confirmation
FEW_TASKS = 20  # so many tasks may disappear without confirmation


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Numbers of tasks adopted from the server, removed there as duplicates, and deleted there."""

    n_adopted: int = 0
    n_duplicates_removed: int = 0
    n_gone: int = 0
    is_changed: bool = False


def reconcile(
    context: LabelingContext, tasks: Mapping[str, TaskStatus], *, accept_lost: bool = False
) -> Reconciled:
    """Make the task log and the server agree; `tasks` is a recent read of the task log.

    While both hold equally many tasks, this costs one request. Otherwise goldloop lists every task on the
    server. It adopts a task that the task log does not hold. Of two tasks with one key it deletes the later,
    unless only the later has answers. It records as gone a task that was deleted on the server.

    `tasks` comes from before the listing, to find deleted tasks; a second read after the listing finds
    unknown tasks, because another process may plan and push meanwhile.

    Raises:
        TasksLostError: more than half of the tasks are gone, and the user has not confirmed it. Every account
            can delete a project, but the labels of its tasks must not leave gold through that alone.
    """
    before = {key: task for key, task in tasks.items() if task.event is Event.PUSHED}
    if context.queue.n_tasks() == len(before):
        return Reconciled()
    on_server, n_removed = _list_and_deduplicate(context.queue)
    present = context.task_log.statuses()
    pushed = {key: task for key, task in present.items() if task.event is Event.PUSHED}
    stale = context.clock() - timedelta(seconds=context.lease_s)
    new = {
        key: task_id
        for key, task_id in on_server.items()
        if key not in pushed and (key not in present or not present[key].is_live or present[key].at < stale)
    }
    unknown = {key: task_id for key, task_id in new.items() if key not in present}
    if unknown:
        _adopt(context, unknown, restored_plans(context.queue, context.seal, unknown))
        present = context.task_log.statuses()
    moved = {
        key: task_id for key, task_id in on_server.items() if key in pushed and pushed[key].task_id != task_id
    }
    context.queue.bar({task_id: present[key].plan.barred for key, task_id in {**new, **moved}.items()})
    context.task_log.record(Event.PUSHED, {**new, **moved}, present, "found on the server")
    gone = [key for key, task in before.items() if key not in on_server and present[key] == task]
    if len(gone) > max(FEW_TASKS, MOST_LOST * len(before)) and not accept_lost:
        raise TasksLostError(
            f"{len(gone)} of {len(before)} tasks are gone from the labelling server at once, as if somebody "
            "deleted a project; goldloop changed nothing. Restore the server from a backup. If the deletion "
            "was intended, remove the answers from gold with 'goldloop pull --accept-lost'"
        )
    context.task_log.record(Event.GONE, dict.fromkeys(gone), before, "deleted on the server")
    return Reconciled(len(new), n_removed, len(gone), is_changed=bool(new or moved or gone))


def _list_and_deduplicate(queue: LabelingQueue) -> tuple[dict[str, int], int]:
    """Return the task id of each key of goldloop on the server, and the number of deleted duplicates."""
    by_key: dict[str, list[int]] = {}
    for task_id, key in sorted(queue.all_tasks().items()):
        if _is_ours(key):
            by_key.setdefault(key, []).append(task_id)
    doubled = [task_id for ids in by_key.values() if len(ids) > 1 for task_id in ids]
    answered = queue.answered(doubled) if doubled else set()
    kept = {key: next((id_ for id_ in ids if id_ in answered), ids[0]) for key, ids in by_key.items()}
    spared = answered | set(kept.values())
    surplus = [task_id for task_id in doubled if task_id not in spared]
    if surplus:
        queue.delete(surplus)
    return kept, len(surplus)


def _adopt(context: LabelingContext, keys: Collection[str], restored: Mapping[str, PlannedTask]) -> None:
    """Plan the tasks that the server holds and the task log has lost, as in `restored` if they are there."""
    selection = context.settings.selection
    samples = read_samples(context.tables, {split_key(key)[0] for key in keys})

    def plan_of(key: str) -> PlannedTask:
        sample_id, purpose = split_key(key)
        return PlannedTask(
            key=key,
            round=0,
            position=0,
            planned_at=context.clock(),
            batch=samples[sample_id].batch if sample_id in samples else BatchId("unknown"),
            lane="",
            stratum="",
            split=wanted_split(sample_id, purpose, seed=selection.seed),
            group=sample_id[:16],
            inclusion_probability=selection.audit_rate if purpose is Purpose.AUDIT else None,
            detail="adopted from the server",
        )

    keep_samples(context.tables, context.modality.store, samples)
    context.task_log.plan(lambda: [restored.get(key) or plan_of(key) for key in keys])


def _is_ours(key: str) -> bool:
    try:
        return len(split_key(key)[0]) == 64
    except ValueError:
        return False
