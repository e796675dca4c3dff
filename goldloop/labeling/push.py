"""Pushing: bringing the round's plan to the labelling server, exactly once.

Before an import its tasks are claimed in a commit of their own, which only one machine can win. A claim
whose owner fell silent is taken over after LEASE_S, by when an import the server may still have been working
on has ended, and only after asking the server which of its tasks exist.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from goldloop.core.errors import ServiceError, UnreadableSampleError
from goldloop.core.ports import ContentStore, LabelingQueue, Tables
from goldloop.core.samples import BatchId
from goldloop.core.tasks import Event, NewTask, Suggestion, TaskStatus, split_key
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.tables.rounds import current_round
from goldloop.tables.task_log import TaskLog
from goldloop.tables.unlabeled_pool import sample_rows

IMPORT_SIZE = 500  # tasks an import; more gains nothing and holds the server's write lock longer
LEASE_S = 30.0  # an import of IMPORT_SIZE tasks takes about 1 s


@dataclass(slots=True)
class PushReport:
    """What one push did, counted in tasks; `cautions` is what to know about the samples and the policy."""

    round: int = 0
    n_planned: int = 0
    n_pushed: int = 0
    n_adopted: int = 0
    n_duplicates_removed: int = 0
    purposes: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    follow_ups: FollowUpReport | None = None
    cautions: list[str] = field(default_factory=list)


def push_planned(
    *,
    tables: Tables,
    task_log: TaskLog,
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
    claims = _Claims(
        task_log, owner=owner, clock=clock, sleep=sleep, lease_s=lease_s, import_size=import_size
    )
    preparation = _Preparation(tables, task_log, queue, store)

    def finish(batch: _Batch, pushed: Mapping[str, int]) -> None:
        if len(pushed) != len(batch.tasks):
            raise ServiceError(
                f"Label Studio took {len(pushed)} of {len(batch.tasks)} tasks; "
                "run the command again, it goes on from here"
            )
        if pushed or batch.adopted:
            task_log.record(Event.PUSHED, {**batch.adopted, **pushed}, at=clock(), owner=owner)
        if batch.lost:
            why = "; ".join(sorted(set(batch.lost.values())))[:500]
            task_log.record(Event.GONE, dict.fromkeys(batch.lost), at=clock(), owner=owner, detail=why)
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
            batch = preparation.batch(keys, retaken) if keys else None
            before, under_way = under_way, None
            pushed = before[1].result() if before is not None else {}
            if batch is not None:  # the server is given its next import before the last one is written down
                under_way = (batch, importer.submit(queue.push, batch.tasks))
            if before is not None:
                finish(before[0], pushed)
            if before is None and under_way is None:
                return report


@dataclass(frozen=True, slots=True)
class _Batch:
    """One import: tasks to create, task ids found on the server by key, and why others cannot be shown."""

    tasks: list[NewTask]
    adopted: dict[str, int]
    lost: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Claims:
    """Takes the next planned tasks for this push, and those whose claim has run out."""

    task_log: TaskLog
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
            keys, retaken, is_waiting = self._claim()
            if keys:
                return keys, retaken
            if not is_waiting or not is_idle:
                return [], set()
            self.sleep(min(1.0, self.lease_s / 10))

    def _is_free(self, one: TaskStatus) -> bool:
        is_stale = one.event is Event.CLAIMED and self.clock() - one.at > timedelta(seconds=self.lease_s)
        return one.event is Event.PLANNED or is_stale

    def _claim(self) -> tuple[list[str], set[str], bool]:
        """Return the keys claimed, those claimed before, and whether others hold what is not pushed yet."""
        retaken: set[str] = set()
        is_waiting = False

        def choose(statuses: Mapping[str, TaskStatus]) -> list[str]:
            # Asked again with fresh statuses when another writer was first; the last answer counts.
            nonlocal retaken, is_waiting
            waiting = [one for one in statuses.values() if one.event in (Event.PLANNED, Event.CLAIMED)]
            free = [one for one in waiting if self._is_free(one)][: self.import_size]
            retaken = {one.key for one in free if one.event is Event.CLAIMED}
            is_waiting = bool(waiting)
            return [one.key for one in free]

        keys = self.task_log.claim(choose, owner=self.owner, at=self.clock())
        return keys, retaken, is_waiting


class _Preparation:
    """Makes imports ready: looks up plans and files, once for many imports, and keeps the bytes."""

    def __init__(self, tables: Tables, task_log: TaskLog, queue: LabelingQueue, store: ContentStore) -> None:
        self._tables, self._ledger, self._queue, self._store = tables, task_log, queue, store
        self._plans: dict[str, dict[str, Any]] = {}
        self._uris: dict[str, str] = {}

    def batch(self, keys: Sequence[str], retaken: Collection[str]) -> _Batch:
        """Return the import of `keys`, after looking up what a silent push may have created."""
        found = self._queue.find(sorted(retaken)) if retaken else {}
        adopted = {key: ids[0] for key, ids in found.items() if ids}
        wanted = [key for key in keys if key not in adopted]
        self._look_up(wanted)
        tasks: list[NewTask] = []
        lost: dict[str, str] = {}
        for key in wanted:
            try:
                tasks.append(self._task(key, self._plans.pop(key)))
            except UnreadableSampleError as error:
                lost[key] = str(error)
        return _Batch(tasks, adopted, lost)

    def _look_up(self, keys: Sequence[str]) -> None:
        """Read plans and uris of all that is still to push; the next imports find them here."""
        if all(key in self._plans for key in keys):
            return
        waiting = [key for key, one in self._ledger.statuses().items() if one.event is not Event.PUSHED]
        self._plans = self._ledger.plans({*waiting, *keys})
        rows = sample_rows(self._tables, [split_key(key)[0] for key in self._plans])
        self._uris = {sample_id: row["uri"] for sample_id, row in rows.items()}

    def _task(self, key: str, plan: Mapping[str, Any]) -> NewTask:
        sample_id, purpose = split_key(key)
        path = self._store.keep(sample_id, self._uris[sample_id])
        suggestion = None
        if plan["suggested_label"] is not None and plan["is_shown"] is not False:
            suggestion = Suggestion(
                plan["suggested_label"], plan["suggested_score"], plan["model_version"], plan["hint"]
            )
        answers = json.loads(plan["answers"]) if plan["answers"] else {}
        barred = tuple(plan["barred"] or ())
        return NewTask(sample_id, purpose, BatchId(plan["batch"]), path, suggestion, answers, barred)
