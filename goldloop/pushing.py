"""Pushing: the round's plan, and bringing it to the labelling server exactly once.

The plan is one commit, so a killed or doubled push resumes it rather than choosing anew. Before an import
its tasks are claimed in another commit, which only one machine can win. A claim whose owner fell silent is
taken over after LEASE_S, by when an import the server may still have been working on has ended, and only
after asking the server which of its tasks exist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from goldloop.backlog import prediction_rows, read_backlog, sample_rows
from goldloop.errors import ServiceError, UnreadableSampleError
from goldloop.labels import LabelSet
from goldloop.ledger import Event, Ledger, TaskStatus, adopted_row, planned_rows
from goldloop.ports import ContentStore, LabelingQueue, Row, Tables
from goldloop.predictions import suggestion_hint
from goldloop.samples import BatchId, SampleId
from goldloop.selection import select
from goldloop.settings import SelectionSettings
from goldloop.tasks import NewTask, Purpose, Suggestion, split_key

IMPORT_SIZE = 500  # tasks an import; more gains nothing and holds the server's write lock longer
LEASE_S = 30.0  # an import of IMPORT_SIZE tasks takes about 1 s


@dataclass(slots=True)
class PushReport:
    """What one push did, counted in tasks."""

    round: int = 0
    n_planned: int = 0
    n_pushed: int = 0
    n_adopted: int = 0
    n_duplicates_removed: int = 0
    purposes: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    note: str = ""


def current_round(tables: Tables) -> int:
    """Return the number of the open round: 0 before the first retrain, then the last closed one plus one."""
    closed = tables.rounds.read(["round"])["round"].to_pylist()
    return max(closed, default=-1) + 1


def plan_round(
    *,
    tables: Tables,
    ledger: Ledger,
    labels: LabelSet,
    selection: SelectionSettings,
    is_labelled: Collection[SampleId],
    clock: Callable[[], datetime],
) -> int:
    """Plan what people are asked in the open round, within its budget; return how many tasks were added.

    Adds nothing while an earlier plan is not wholly pushed, or when the round's budget is spent.
    """
    n_planned = 0

    def make_rows(seq: int) -> Sequence[Row]:
        nonlocal n_planned
        n_planned = 0
        statuses = ledger.statuses()
        live = [one for one in statuses.values() if one.is_live]
        if any(one.event is not Event.PUSHED for one in live):
            return []
        round_ = current_round(tables)
        n_left = selection.budget_per_round // selection.overlap - sum(one.round == round_ for one in live)
        if n_left <= 0:
            return []
        taken = {one.sample_id for one in live} | set(is_labelled)
        backlog = read_backlog(tables, taken)
        has_model = any(one.label is not None for one in backlog.candidates)
        choices = select(
            backlog.candidates,
            n_tasks=n_left,
            audit_rate=selection.audit_rate,
            audit_share=selection.audit_share,
            seed=selection.seed,
            n_arrived=backlog.n_arrived,
            n_audited=sum(one.purpose is Purpose.AUDIT for one in live),
            has_model=has_model,
        )
        n_planned = len(choices)
        chosen = [one.candidate.sample_id for one in choices]
        return planned_rows(
            choices,
            seq=seq,
            round_=round_,
            at=clock(),
            seed=selection.seed,
            ledger=ledger,
            predictions=prediction_rows(tables, chosen),
            fingerprints={key: row["fingerprint"] for key, row in sample_rows(tables, chosen).items()},
            hints=lambda probs: suggestion_hint(np.asarray(probs, dtype=np.float64), labels),
        )

    ledger.plan(make_rows)
    return n_planned


def push_planned(
    *,
    tables: Tables,
    ledger: Ledger,
    queue: LabelingQueue,
    store: ContentStore,
    owner: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
    lease_s: float = LEASE_S,
    import_size: int = IMPORT_SIZE,
    advance: Callable[[int], None] = lambda _: None,
) -> PushReport:
    """Bring every planned task to the server, each exactly once, and return what was done.

    Samples whose bytes are gone or changed are reported lost and leave the plan. When another push holds
    the rest, this one waits until that is done or its claims have run out. The next import is made ready
    while the server works on the present one.

    Raises:
        ServiceError: the server failed; what it had taken by then is kept, the next push goes on from there.
    """
    report = PushReport(round=current_round(tables))
    claims = _Claims(ledger, owner=owner, clock=clock, sleep=sleep, lease_s=lease_s, import_size=import_size)

    def finish(batch: _Batch, pushed: Mapping[str, int]) -> None:
        if len(pushed) != len(batch.tasks):
            raise ServiceError(
                f"Label Studio took {len(pushed)} of {len(batch.tasks)} tasks; "
                "run the command again, it goes on from here"
            )
        if pushed or batch.adopted:
            ledger.record(Event.PUSHED, {**batch.adopted, **pushed}, at=clock(), owner=owner)
        if batch.lost:
            why = "; ".join(sorted(set(batch.lost.values())))[:500]
            ledger.record(Event.GONE, dict.fromkeys(batch.lost), at=clock(), owner=owner, detail=why)
        report.n_pushed += len(pushed)
        report.n_adopted += len(batch.adopted)
        report.lost += [f"{key}: {why}" for key, why in batch.lost.items()]
        for key in pushed.keys() | batch.adopted.keys():
            purpose = str(split_key(key)[1])
            report.purposes[purpose] = report.purposes.get(purpose, 0) + 1
        advance(len(pushed) + len(batch.adopted) + len(batch.lost))

    with ThreadPoolExecutor(1, thread_name_prefix="push") as importer:
        under_way: tuple[_Batch, Future[dict[str, int]]] | None = None
        while True:
            keys, retaken = claims.take(is_idle=under_way is None)
            batch = (
                _prepared(keys, retaken, tables=tables, ledger=ledger, queue=queue, store=store)
                if keys
                else None
            )
            if under_way is not None:
                finish(under_way[0], under_way[1].result())
            if batch is None:
                if under_way is None:
                    return report
                under_way = None
            else:
                under_way = (batch, importer.submit(queue.push, batch.tasks))


@dataclass(frozen=True, slots=True)
class _Batch:
    """One import: tasks to create, task ids found on the server by key, and why others cannot be shown."""

    tasks: list[NewTask]
    adopted: dict[str, int]
    lost: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Claims:
    """Takes the next planned tasks for this push, and those whose claim has run out."""

    ledger: Ledger
    owner: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    lease_s: float
    import_size: int

    def take(self, *, is_idle: bool) -> tuple[list[str], set[str]]:
        """Return the keys claimed, and those of them that another push had claimed before.

        When the rest is claimed by others, an idle push waits; nothing left means no keys.
        """
        while True:
            waiting = [
                one for one in self.ledger.statuses().values() if one.event in (Event.PLANNED, Event.CLAIMED)
            ]
            if any(self._is_free(one) for one in waiting):
                keys, retaken = self._claim()
                if keys:
                    return keys, retaken
            elif not waiting or not is_idle:
                return [], set()
            else:
                self.sleep(min(1.0, self.lease_s / 10))

    def _is_free(self, one: TaskStatus) -> bool:
        is_stale = one.event is Event.CLAIMED and self.clock() - one.at > timedelta(seconds=self.lease_s)
        return one.event is Event.PLANNED or is_stale

    def _claim(self) -> tuple[list[str], set[str]]:
        retaken: set[str] = set()

        def choose(statuses: Mapping[str, TaskStatus]) -> list[str]:
            # Asked again with fresh statuses when another writer was first; the last answer counts.
            nonlocal retaken
            free = [one for one in statuses.values() if self._is_free(one)][: self.import_size]
            retaken = {one.key for one in free if one.event is Event.CLAIMED}
            return [one.key for one in free]

        keys = self.ledger.claim(choose, owner=self.owner, at=self.clock())
        return keys, retaken


def reconcile(
    *,
    ledger: Ledger,
    queue: LabelingQueue,
    owner: str,
    clock: Callable[[], datetime],
    seed: int,
    audit_rate: float,
    batches: Callable[[Collection[SampleId]], Mapping[SampleId, BatchId]],
    lease_s: float = LEASE_S,
) -> tuple[int, int, int]:
    """Make ledger and server agree; return how many tasks were adopted, removed as duplicates, found gone.

    Costs one request while the counts agree. When they do not, every task of the project is listed: one that
    the ledger does not know is adopted, the later of two with one key is deleted unless only it was answered,
    and one that somebody deleted on the server is recorded as gone.
    """
    statuses = ledger.statuses()
    pushed = {key: one for key, one in statuses.items() if one.event is Event.PUSHED}
    if queue.n_tasks() == len(pushed):
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
        ledger.plan(
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
        ledger.record(Event.PUSHED, {**new, **moved}, at=clock(), owner=owner, detail="found on the server")
    gone = [key for key in pushed if key not in found]
    if gone:
        ledger.record(
            Event.GONE, dict.fromkeys(gone), at=clock(), owner=owner, detail="deleted on the server"
        )
    return len(new), len(surplus), len(gone)


def _prepared(
    keys: Sequence[str],
    retaken: Collection[str],
    *,
    tables: Tables,
    ledger: Ledger,
    queue: LabelingQueue,
    store: ContentStore,
) -> _Batch:
    """Return the import of `keys` in planned order, after looking up what a silent push may have created."""
    found = queue.find(sorted(retaken)) if retaken else {}
    adopted = {key: ids[0] for key, ids in found.items() if ids}
    plans = ledger.plans([key for key in keys if key not in adopted])
    samples = sample_rows(tables, [split_key(key)[0] for key in plans])
    tasks: list[NewTask] = []
    lost: dict[str, str] = {}
    for key, plan in plans.items():
        sample_id, purpose = split_key(key)
        try:
            path = store.keep(sample_id, samples[sample_id]["uri"])
        except UnreadableSampleError as error:
            lost[key] = str(error)
            continue
        suggestion = None
        if plan["suggested_label"] is not None:
            suggestion = Suggestion(
                plan["suggested_label"], plan["suggested_score"], plan["model_version"], plan["hint"]
            )
        tasks.append(NewTask(sample_id, purpose, BatchId(plan["batch"]), path, suggestion))
    return _Batch(tasks, adopted, lost)


def _is_ours(key: str) -> bool:
    try:
        return len(split_key(key)[0]) == 64
    except ValueError:
        return False
