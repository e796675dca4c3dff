"""The push: creates each planned task on the labelling server exactly once.

Before an import, the push claims its tasks in a commit that only one process can win. Another push takes over
a claim that is older than LEASE_S, when the server has finished any import of the silent owner, and first
looks up which of the claimed tasks exist on the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from goldloop.core.errors import ServiceError, UnreadableSampleError
from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.core.tasks import NewTask, split_key
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.tables.arrivals import read_samples


@dataclass(slots=True)
class PushReport:
    """The result of one push, counted in tasks; `cautions` warn about the samples and the policy."""

    round: int = 0
    n_planned: int = 0
    n_pushed: int = 0
    n_adopted: int = 0
    n_duplicates_removed: int = 0
    purposes: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    follow_ups: FollowUpReport | None = None
    cautions: list[str] = field(default_factory=list)


def push_planned(context: LabelingContext, report: PushReport | None = None) -> PushReport:
    """Create every planned task on the server, each exactly once; add the counts to `report` and return it.

    A sample whose bytes are gone or changed is reported as lost, and its task leaves the plan. When another
    push has claimed the remaining tasks, this push waits until they are pushed or the claims expire. The push
    prepares the next import while the server works on the present one.

    Raises:
        ServiceError: the server failed; the finished imports remain, and the next push continues from there.
    """
    report = PushReport() if report is None else report
    claims = _Claims(context)
    with ThreadPoolExecutor(1, thread_name_prefix="push") as importer:
        under_way: tuple[_Batch, Future[dict[str, int]]] | None = None
        while True:
            claimed = claims.take(is_idle=under_way is None)
            batch = _prepared(context, claimed) if claimed.tasks else None
            before, under_way = under_way, None
            pushed = before[1].result() if before is not None else {}
            if batch is not None:  # the server works on it while `_finish` records the last import
                under_way = (batch, importer.submit(context.queue.push, batch.tasks))
            if before is not None:
                _finish(context, report, before[0], pushed)
            if before is None and under_way is None:
                return report


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Tasks claimed for one import, by key; keys that another push had claimed; whether more tasks wait."""

    tasks: Mapping[str, TaskStatus]
    retaken: frozenset[str]
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    """One import: tasks to create, ids of tasks already on the server by key, and why others are lost."""

    claimed: Mapping[str, TaskStatus]
    tasks: list[NewTask]
    adopted: dict[str, int]
    lost: dict[str, str]


def _finish(context: LabelingContext, report: PushReport, batch: _Batch, pushed: Mapping[str, int]) -> None:
    """Record the result of an import in the task log and in `report`."""
    if len(pushed) != len(batch.tasks):
        raise ServiceError(
            f"Label Studio created {len(pushed)} of {len(batch.tasks)} tasks; "
            "run the command again to push the others"
        )
    task_log, at, owner = context.task_log, context.clock(), context.owner
    present = {**batch.adopted, **pushed}
    if present:
        task_log.record(Event.PUSHED, present, batch.claimed, at=at, owner=owner)
    if batch.lost:
        why = "; ".join(sorted(set(batch.lost.values())))[:500]
        task_log.record(Event.GONE, dict.fromkeys(batch.lost), batch.claimed, at=at, owner=owner, detail=why)
    report.n_pushed += len(pushed)
    report.n_adopted += len(batch.adopted)
    report.lost += [f"{key}: {why}" for key, why in batch.lost.items()]
    for key in present:
        purpose = str(split_key(key)[1])
        report.purposes[purpose] = report.purposes.get(purpose, 0) + 1
    context.advance(len(present) + len(batch.lost))


@dataclass(frozen=True, slots=True)
class _Claims:
    """Claims the next planned tasks for this push, and those whose claim has expired."""

    context: LabelingContext

    def take(self, *, is_idle: bool) -> _Claimed:
        """Claim and return the next tasks; no tasks when none are left.

        An idle push waits while other pushes hold the remaining tasks.
        """
        while True:
            claimed = self._claim()
            if claimed.tasks or not claimed.is_waiting or not is_idle:
                return claimed
            self.context.sleep(min(1.0, self.context.lease_s / 10))

    def _is_free(self, task: TaskStatus) -> bool:
        age = self.context.clock() - task.at
        is_stale = task.event is Event.CLAIMED and age > timedelta(seconds=self.context.lease_s)
        return task.event is Event.PLANNED or is_stale

    def _claim(self) -> _Claimed:
        claimed = _Claimed({}, frozenset(), is_waiting=False)

        def choose(statuses: Mapping[str, TaskStatus]) -> list[str]:
            # The commit calls this again when another writer was first; the last call counts.
            nonlocal claimed
            waiting = [task for task in statuses.values() if task.is_waiting]
            free = [task for task in waiting if self._is_free(task)][: self.context.import_size]
            retaken = frozenset(task.key for task in free if task.event is Event.CLAIMED)
            claimed = _Claimed({task.key: task for task in free}, retaken, bool(waiting))
            return list(claimed.tasks)

        self.context.task_log.claim(choose, owner=self.context.owner, at=self.context.clock())
        return claimed


def _prepared(context: LabelingContext, claimed: _Claimed) -> _Batch:
    """Return the import of `claimed`, without the tasks that a silent push has already created."""
    on_server = context.queue.find(sorted(claimed.retaken)) if claimed.retaken else {}
    adopted = {key: ids[0] for key, ids in on_server.items() if ids}
    plans = [task.plan for key, task in claimed.tasks.items() if key not in adopted]
    samples = read_samples(context.tables, {plan.sample_id for plan in plans})
    tasks: list[NewTask] = []
    lost: dict[str, str] = {}
    for plan in plans:
        try:
            path = context.store.keep(plan.sample_id, samples[plan.sample_id].uri)
        except UnreadableSampleError as error:
            lost[plan.key] = str(error)
            continue
        suggestion = plan.shown_suggestion
        tasks.append(
            NewTask(plan.sample_id, plan.purpose, plan.batch, path, suggestion, plan.answers, plan.barred)
        )
    return _Batch(claimed.tasks, tasks, adopted, lost)
