"""The task log: the plan of each task, and the events since.

A plan is a row of `planned_tasks`. An event is a row of `task_events` and names the commit of its plan, so a
task that is gone and planned again starts without events, in whatever order the two tables are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.clock import now
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.table_ports import Table, Tables
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An event of the task whose plan is commit `plan_seq`; `owner` names the process that recorded it.

    `content` is the digest of the data that goldloop pushed, where the event is a push.
    """

    key: str
    plan_seq: int
    event: Event
    at: datetime
    owner: str
    task_id: int | None = None
    detail: str | None = None
    content: str | None = None


@dataclass(slots=True)
class _Read:
    """What was read of an append-only table, in the order of its commits: rows up to the number `seq`."""

    version: int = -1
    seq: int = 0
    plans: list[tuple[PlannedTask, int]] = field(default_factory=list)
    events: list[TaskEvent] = field(default_factory=list)

    def added(self, table: Table) -> pa.Table | None:
        """Return the rows that were added since, in order; None, without a read, where nothing was."""
        version = table.version()  # before the read, which may find more
        if version == self.version:
            return None
        rows = table.read(where=None if self.version < 0 else pc.field("seq") > self.seq)
        self.version, self.seq = version, max(self.seq, pc.max(rows["seq"]).as_py() or 0)
        by_commit = [(name, "ascending") for name in ("seq", "position") if name in rows.column_names]
        return rows.sort_by(by_commit)


@dataclass(slots=True)
class _Statuses:
    """The newest status of each task, by key, in the order of the first plans, as plans and events come in.

    An event may be read before the plan that it refers to; it waits in `early` until the plan is read.
    """

    by_key: dict[str, TaskStatus] = field(default_factory=dict)
    n_plans: int = 0
    n_events: int = 0
    early: list[TaskEvent] = field(default_factory=list)

    def add(self, planned: Sequence[tuple[PlannedTask, int]], happened: Sequence[TaskEvent]) -> None:
        """Add what is new at the ends of `planned`, the plans with their `seq`, and of `happened`."""
        for plan, seq in planned[self.n_plans :]:  # a key that is planned again keeps its place
            self.by_key[plan.key] = TaskStatus(plan, seq, Event.PLANNED, plan.planned_at)
        waiting, self.early = self.early, []
        for event in [*waiting, *happened[self.n_events :]]:
            self._happen(event)
        self.n_plans, self.n_events = len(planned), len(happened)

    def _happen(self, event: TaskEvent) -> None:
        known = self.by_key.get(event.key)
        if known is None or known.plan_seq < event.plan_seq:
            self.early.append(event)
        elif known.plan_seq == event.plan_seq:
            self.by_key[event.key] = TaskStatus(
                known.plan,
                event.plan_seq,
                event.event,
                event.at,
                event.task_id,
                event.owner,
                event.content or known.content,
                event.detail,
            )


def read_statuses(tables: Tables, keys: Collection[str]) -> dict[str, TaskStatus]:
    """Return the newest status of the tasks `keys` that were ever planned; no other task is decoded."""
    wanted = pc.field("key").isin(pa.array(sorted(keys), pa.string()))
    in_order = [("seq", "ascending"), ("position", "ascending")]
    plans = tables.planned_tasks.read(where=wanted).sort_by(in_order)
    events = tables.task_events.read(where=wanted).sort_by("seq")
    planned = zip(codec.values_of(PlannedTask, plans), plans["seq"].to_pylist(), strict=True)
    statuses = _Statuses()
    statuses.add(list(planned), codec.values_of(TaskEvent, events))
    return statuses.by_key


def read_shown_version(tables: Tables) -> str | None:
    """Return the model of the newest planned suggestion that annotators see; None before the first."""
    rows = tables.planned_tasks.read(["seq", "model_version"], where=pc.field("is_shown")).sort_by("seq")
    return rows["model_version"][-1].as_py() if len(rows) else None


@dataclass(frozen=True, slots=True)
class TaskLog:
    """Reads and adds plans and events; every addition is one commit with a number of its own.

    Events that it adds carry `owner` and the time of `clock`. It decodes only what was added since it last
    read: a push reads the statuses before each import.
    """

    tables: Tables
    owner: str = ""
    clock: Callable[[], datetime] = now
    _plans: _Read = field(default_factory=_Read, repr=False, compare=False)
    _events: _Read = field(default_factory=_Read, repr=False, compare=False)
    _statuses: _Statuses = field(default_factory=_Statuses, repr=False, compare=False)

    def statuses(self) -> dict[str, TaskStatus]:
        """Return the newest status of every task ever planned, by key, in the order of their first plans."""
        self._statuses.add(self._planned(), self._happened())
        return dict(self._statuses.by_key)

    def _planned(self) -> Sequence[tuple[PlannedTask, int]]:
        """Return every plan and its `seq`, in the order of commits and positions."""
        rows = self._plans.added(self.tables.planned_tasks)
        if rows is not None:
            plans = codec.values_of(PlannedTask, rows)
            self._plans.plans += zip(plans, rows["seq"].to_pylist(), strict=True)
        return self._plans.plans

    def _happened(self) -> Sequence[TaskEvent]:
        """Return every event, in the order of commits."""
        rows = self._events.added(self.tables.task_events)
        if rows is not None:
            self._events.events += codec.values_of(TaskEvent, rows)
        return self._events.events

    def plan(
        self, make_plans: Callable[[], Sequence[PlannedTask]], *, base: int | None = None
    ) -> Sequence[PlannedTask]:
        """Add and return the tasks from `make_plans`, which is called again when another writer was first.

        `base` is the version of `planned_tasks` on which the first call is based.
        """
        return codec.append_values(self.tables.planned_tasks, make_plans, base=base)

    def claim(self, choose: Callable[[Mapping[str, TaskStatus]], Sequence[str]]) -> None:
        """Claim the keys that `choose` picks from fresh statuses; no other claim can win them."""
        at = self.clock()

        def claims() -> list[TaskEvent]:
            statuses = self.statuses()
            return [self._event(statuses[key], Event.CLAIMED, at) for key in choose(statuses)]

        codec.append_values(self.tables.task_events, claims)

    def record(
        self,
        event: Event,
        task_ids: Mapping[str, int | None],
        statuses: Mapping[str, TaskStatus],
        detail: str | None = None,
        contents: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Add `event` for every key of `task_ids`, if any, referring to the plans in `statuses`.

        `contents` holds the digests of the data that was pushed, by key, where known.
        """
        at = self.clock()
        events = [
            replace(
                self._event(statuses[key], event, at),
                task_id=task_id,
                detail=detail,
                content=contents.get(key),
            )
            for key, task_id in task_ids.items()
        ]
        if events:
            codec.append_values(self.tables.task_events, lambda: events)

    def _event(self, task: TaskStatus, event: Event, at: datetime) -> TaskEvent:
        return TaskEvent(task.key, task.plan_seq, event, at, self.owner)
