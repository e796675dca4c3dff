"""Task reconciliation: makes the task log and the labelling server agree on which tasks exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from goldloop.core.annotations import NO_TASKS, ListedTask, ServerCounts
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.tasks import split_key
from goldloop.labeling.altered_tasks import with_own_keys
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.duplicates import remove_duplicates
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.losses import VANISHED, Decision, ask_about_losses, forget_told, settle_losses
from goldloop.labeling.sealed_plans import new_task, restored_plans
from goldloop.tables.server_checks import ServerCheck, read_check


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Numbers of tasks adopted from the server, removed there as duplicates, and deleted there.

    `counts` come from the server. `listing` holds its tasks if goldloop listed them; `strangers` are
    sentences about tasks that carry a key as goldloop makes them, but that goldloop cannot have made.
    `check` is the newest full comparison before.
    """

    n_adopted: int = 0
    n_duplicates_removed: int = 0
    n_gone: int = 0
    is_changed: bool = False
    counts: ServerCounts = NO_TASKS
    listing: tuple[ListedTask, ...] | None = None
    strangers: tuple[str, ...] = ()
    check: ServerCheck | None = None


def reconcile(
    context: LabelingContext,
    state: LoopState,
    *,
    decision: Decision | None = None,
    check: ServerCheck | None = None,
    is_full: bool = False,
) -> Reconciled:
    """Make the task log and the server agree; `state` is recent.

    While the server holds as many tasks as the task log, and as many others as at the newest full comparison
    `check`, this costs one request for each project. Otherwise, and if `is_full`, goldloop lists every task
    on the server. It adopts a task that the task log has lost, keeps one of several with one key, and records
    a deleted one as gone. It reads the task log again after the listing, because another process may plan and
    push meanwhile.

    Raises:
        TasksLostError: more than a few tasks are gone, and the user has not decided what follows.
    """
    snapshot, counts = state.snapshot, context.queue.counts()
    before = {key: task for key, task in snapshot.tasks.items() if task.event is Event.PUSHED}
    n_extra = counts.n_tasks - len(before)
    if n_extra and check is None:
        check = read_check(context.tables.server_checks)
    if n_extra == (check.n_extra_tasks if check else 0) and not is_full:
        return Reconciled(counts=counts, check=check)
    listed = context.queue.listing()
    present = context.task_log.statuses()
    listed = [task for task in with_own_keys(listed, present) if _is_ours(task.key)]
    listing, strangers, plans = _without_strangers(context, listed, present)
    on_server, surplus = remove_duplicates(context, listing, present)
    n_new, n_moved, gone = _find_differences(context, before, on_server, present, plans)
    _lose(context, state, gone, listing, decision)
    return Reconciled(
        n_adopted=n_new,
        n_duplicates_removed=len(surplus),
        n_gone=len(gone),
        is_changed=bool(n_new or n_moved or gone or surplus or decision),
        counts=replace(counts, n_tasks=counts.n_tasks - len(surplus)),
        listing=tuple(listing),
        strangers=tuple(map(_named, strangers)),
        check=check,
    )


def _find_differences(
    context: LabelingContext,
    before: Mapping[str, TaskStatus],
    on_server: Mapping[str, int],
    present: Mapping[str, TaskStatus],
    plans: Mapping[int, PlannedTask],
) -> tuple[int, int, list[str]]:
    """Record tasks that the task log lacks or holds with another id; return their numbers, and what is gone.

    `before` holds the pushed tasks from before the listing, `present` all tasks from after it, and `plans`,
    by task id, the plans of those that the task log lacks.
    """
    pushed = {key: task for key, task in present.items() if task.event is Event.PUSHED}
    stale = context.clock() - timedelta(seconds=context.lease_s)
    new = {
        key: task_id
        for key, task_id in on_server.items()
        if key not in pushed and (key not in present or not present[key].is_live or present[key].at < stale)
    }
    contents = {}
    lost = [plans[task_id] for key, task_id in new.items() if key not in present]
    if lost:
        contents = _adopt(context, lost)
        present = context.task_log.statuses()
    moved = {
        key: task_id for key, task_id in on_server.items() if key in pushed and pushed[key].task_id != task_id
    }
    context.queue.bar({task_id: present[key].plan.barred for key, task_id in {**new, **moved}.items()})
    context.task_log.record(Event.PUSHED, {**new, **moved}, present, "found on the server", contents)
    gone = [key for key, task in before.items() if key not in on_server and present[key] == task]
    return len(new), len(moved), gone


def _lose(
    context: LabelingContext,
    state: LoopState,
    gone: Sequence[str],
    listing: Sequence[ListedTask],
    decision: Decision | None,
) -> None:
    """Record the tasks `gone`, if they are few, or do what the user decided about them."""
    if decision is not None:
        settle_losses(context, state, decision, gone)
        return
    newest = max((task.updated_at for task in listing), default=None)
    ask_about_losses(state.snapshot, gone, newest_there=newest)
    forget_told(context, state.snapshot, gone)
    context.task_log.record(Event.GONE, dict.fromkeys(gone), state.snapshot.tasks, VANISHED)


def _without_strangers(
    context: LabelingContext, listed: Sequence[ListedTask], present: Mapping[str, TaskStatus]
) -> tuple[list[ListedTask], list[ListedTask], dict[int, PlannedTask]]:
    """Return the tasks that goldloop planned, the others, and the plans that the task log lacks, by task id.

    A task that the task log lacks is goldloop's if it carries its plan, sealed with the workspace's key.
    Somebody imported the others by hand.
    """
    unknown = {task.task_id: task.key for task in listed if task.key not in present}
    plans = restored_plans(context.queue, context.seal, unknown)
    strange = unknown.keys() - plans.keys()
    listing = [task for task in listed if task.task_id not in strange]
    return listing, [task for task in listed if task.task_id in strange], plans


def _named(task: ListedTask) -> str:
    return (
        f"task {task.task_id} has the key {task.key}, but goldloop did not plan it; its answers do not "
        "count. Delete it in Label Studio if nobody needs it"
    )


def _adopt(context: LabelingContext, plans: Sequence[PlannedTask]) -> dict[str, str]:
    """Plan again what the task log has lost; return the digests of what the tasks must show, by key."""
    kept = keep_samples(context.tables, context.modality.store, {plan.sample_id for plan in plans})
    context.task_log.plan(lambda: list(plans))
    known = [plan for plan in plans if plan.sample_id in kept.paths]
    tasks = [new_task(plan, kept.paths[plan.sample_id], context.seal) for plan in known]
    return {task.key: context.queue.content_of(task) for task in tasks}


def _is_ours(key: str) -> bool:
    try:
        return len(split_key(key)[0]) == 64
    except ValueError:
        return False
