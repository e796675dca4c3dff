"""The push: creates each planned task on the labelling server exactly once.

Before an import, the push claims its tasks in a commit that only one process can win. Another push takes over
a claim that stands unchanged for LEASE_S (goldloop.labeling.claims), and first looks up which of the claimed
tasks exist on the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from goldloop.core.errors import ServiceError
from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.core.tasks import NewTask, split_key
from goldloop.labeling.claims import Claims
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.sealed_plans import new_task


@dataclass(slots=True)
class PushReport:
    """The result of one push, counted in tasks; `cautions` warn about the samples and the policy.

    `why_more` tells why the push requests more answers than the budget of the round, None when it does not.
    `waits_for` tells what the open round waits for after the push. `hinted` counts, by label, the planned
    samples that were chosen because they are nearest to the user's hints. `n_overdue` samples should have
    been reviewed, and their time for that is over.
    """

    round: int = 0
    n_planned: int = 0
    n_pushed: int = 0
    n_adopted: int = 0
    n_duplicates_removed: int = 0
    purposes: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    follow_ups: FollowUpReport | None = None
    cautions: list[str] = field(default_factory=list)
    why_more: str | None = None
    waits_for: str = ""
    hinted: Mapping[str, int] = field(default_factory=dict)
    n_overdue: int = 0


def push_planned(context: LabelingContext, report: PushReport | None = None) -> PushReport:
    """Create every planned task on the server, each exactly once; add the counts to `report` and return it.

    A sample whose bytes are gone or changed is reported as lost, and its task leaves the plan. When another
    push has claimed the remaining tasks, this push waits until they are pushed or the claims expire. The push
    prepares the next import while the server works on the present one.

    Raises:
        ServiceError: the server failed; the finished imports remain, and the next push continues from there.
    """
    report, claims = PushReport() if report is None else report, Claims(context)
    with ThreadPoolExecutor(1, thread_name_prefix="push") as importer:
        under_way: tuple[_Batch, Future[dict[str, int]]] | None = None
        while True:
            claimed = claims.take(is_idle=under_way is None)
            batch = _prepared(context, claimed) if claimed else None
            before, under_way = under_way, None
            pushed = before[1].result() if before is not None else {}
            if batch is not None:  # the server works on it while `_finish` records the last import
                under_way = (batch, importer.submit(context.queue.push, batch.tasks))
            if before is not None:
                _finish(context, report, before[0], pushed)
            if before is None and under_way is None:
                return report


@dataclass(frozen=True, slots=True)
class _Batch:
    """One import: tasks to create, ids of tasks already on the server by key, and why others are lost.

    `contents` holds the digest of the data of each task, by key.
    """

    claimed: Mapping[str, TaskStatus]
    tasks: list[NewTask]
    adopted: dict[str, int]
    lost: dict[str, str]
    contents: dict[str, str]


def _finish(context: LabelingContext, report: PushReport, batch: _Batch, pushed: Mapping[str, int]) -> None:
    """Record the result of an import in the task log and in `report`."""
    if len(pushed) != len(batch.tasks):
        raise ServiceError(
            f"Label Studio created {len(pushed)} of {len(batch.tasks)} tasks; "
            "run the command again to push the others"
        )
    present = {**batch.adopted, **pushed}
    context.queue.bar({task_id: batch.claimed[key].plan.barred for key, task_id in batch.adopted.items()})
    context.task_log.record(Event.PUSHED, present, batch.claimed, contents=batch.contents)
    why = "; ".join(sorted(set(batch.lost.values())))[:500]
    context.task_log.record(Event.GONE, dict.fromkeys(batch.lost), batch.claimed, why)
    report.n_pushed += len(pushed)
    report.n_adopted += len(batch.adopted)
    report.lost += [f"{key}: {reason}" for key, reason in batch.lost.items()]
    report.purposes.update(str(split_key(key)[1]) for key in present)
    context.advance(len(present) + len(batch.lost))


def _prepared(context: LabelingContext, claimed: Mapping[str, TaskStatus]) -> _Batch:
    """Return the import of `claimed`, without the tasks that a silent push has already created."""
    retaken = sorted(key for key, task in claimed.items() if task.event is Event.CLAIMED)
    on_server = context.queue.find(retaken) if retaken else {}
    adopted = {key: ids[0] for key, ids in on_server.items() if ids}
    plans = [task.plan for task in claimed.values()]
    kept = keep_samples(context.tables, context.modality.store, {plan.sample_id for plan in plans})
    tasks: list[NewTask] = []
    lost: dict[str, str] = {}
    for plan in plans:
        if plan.sample_id in kept.lost:
            if plan.key not in adopted:
                lost[plan.key] = kept.lost[plan.sample_id]
            continue
        tasks.append(new_task(plan, kept.paths[plan.sample_id], context.seal))
    contents = {task.key: context.queue.content_of(task) for task in tasks}
    new = [task for task in tasks if task.key not in adopted]
    return _Batch(claimed, new, adopted, lost, contents)
