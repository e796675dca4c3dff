"""Reconciling: the task_log and the labelling server, made to agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from goldloop.core.errors import TasksLostError
from goldloop.core.ports import LabelingQueue
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import Event, split_key
from goldloop.labeling.push import LEASE_S
from goldloop.tables.task_log import TaskLog, adopted_row

MOST_LOST = 0.5  # share of the tasks that may vanish between two looks before we take it for an accident
FEW_TASKS = 20  # so many may always vanish


def reconcile(
    *,
    task_log: TaskLog,
    queue: LabelingQueue,
    owner: str,
    clock: Callable[[], datetime],
    seed: int,
    audit_rate: float,
    batches: Callable[[Collection[SampleId]], Mapping[SampleId, BatchId]],
    lease_s: float = LEASE_S,
    accept_lost: bool = False,
) -> tuple[int, int, int]:
    """Make task_log and server agree; return how many tasks were adopted, removed as duplicates, found gone.

    Costs one request while the counts agree. When they do not, every task of the project is listed: one that
    the task_log does not know is adopted, the later of two with one key is deleted unless only it was answered,
    and one that somebody deleted on the server is recorded as gone.

    The task_log is read before the listing, to tell what is gone, and after it, to tell what is unknown:
    another process may plan and push meanwhile.

    Raises:
        TasksLostError: more than half of the tasks are gone at once, and nobody has said that this is meant.
            Every account can delete a project; the labels of its tasks must not leave gold by that alone.
    """
    before = {key: one for key, one in task_log.statuses().items() if one.event is Event.PUSHED}
    if queue.n_tasks() == len(before):
        return 0, 0, 0
    by_key: dict[str, list[int]] = {}
    for task_id, key in sorted(queue.all_tasks().items()):
        if _is_ours(key):
            by_key.setdefault(key, []).append(task_id)
    doubled = {key: ids for key, ids in by_key.items() if len(ids) > 1}
    answered = queue.answered([task_id for ids in doubled.values() for task_id in ids]) if doubled else set()
    survivors = {key: next((one for one in ids if one in answered), ids[0]) for key, ids in doubled.items()}
    surplus = [
        one for key, ids in doubled.items() for one in ids if one != survivors[key] and one not in answered
    ]
    if surplus:
        queue.delete(surplus)
    found = {key: survivors.get(key, ids[0]) for key, ids in by_key.items()}

    statuses = task_log.statuses()
    pushed = {key: one for key, one in statuses.items() if one.event is Event.PUSHED}
    stale = clock() - timedelta(seconds=lease_s)
    new = {
        key: task_id
        for key, task_id in found.items()
        if key not in pushed
        and (key not in statuses or not statuses[key].is_live or statuses[key].at < stale)
    }
    unknown = [key for key in new if key not in statuses]
    if unknown:
        known_batches = batches([split_key(key)[0] for key in unknown])
        task_log.plan(
            lambda seq: [
                adopted_row(
                    key,
                    seq=seq,
                    round_=0,
                    at=clock(),
                    seed=seed,
                    audit_rate=audit_rate,
                    batch=known_batches.get(split_key(key)[0], BatchId("unknown")),
                )
                for key in unknown
            ]
        )
    moved = {
        key: task_id for key, task_id in found.items() if key in pushed and pushed[key].task_id != task_id
    }
    if new or moved:
        task_log.record(Event.PUSHED, {**new, **moved}, at=clock(), owner=owner, detail="found on the server")
    gone = [key for key, one in before.items() if key not in found and statuses[key] == one]
    if len(gone) > max(FEW_TASKS, MOST_LOST * len(before)) and not accept_lost:
        raise TasksLostError(
            f"{len(gone)} of {len(before)} tasks are gone from the labelling server at once, as if somebody "
            "deleted a project; nothing was changed. Restore the server from a backup, or, if it is meant, "
            "take their answers out of gold with 'goldloop pull --accept-lost'"
        )
    if gone:
        task_log.record(
            Event.GONE, dict.fromkeys(gone), at=clock(), owner=owner, detail="deleted on the server"
        )
    return len(new), len(surplus), len(gone)


def _is_ours(key: str) -> bool:
    try:
        return len(split_key(key)[0]) == 64
    except ValueError:
        return False
