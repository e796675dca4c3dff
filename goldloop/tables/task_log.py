"""The task log: the plan of each task, and the events since.

A plan is a row of `planned_tasks`. An event is a row of `task_events` and names the commit of its plan, so a
task that is gone and planned again starts without events, in whatever order the two tables are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from goldloop.core.clock import now
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.table_ports import Tables
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
class _Plans:
    """All plans and their `seq`, in the order of their commits, as of a version of the table or later."""

    version: int = -1
    rows: Sequence[tuple[PlannedTask, int]] = ()


@dataclass(frozen=True, slots=True)
class TaskLog:
    """Reads and adds plans and events; every addition is one commit with a number of its own.

    Events that it adds carry `owner` and the time of `clock`. It reads the plans again only when some were
    added: a push reads the statuses before each import, and the plans are most of what it would decode.
    """

    tables: Tables
    owner: str = ""
    clock: Callable[[], datetime] = now
    _plans: _Plans = field(default_factory=_Plans, repr=False, compare=False)

    def statuses(self) -> dict[str, TaskStatus]:
        """Return the newest status of every task ever planned, by key, in the order of their first plans."""
        statuses = {
            plan.key: TaskStatus(plan, seq, Event.PLANNED, plan.planned_at) for plan, seq in self._planned()
        }  # a key that is planned again keeps the place of its first plan
        for event in codec.values_of(TaskEvent, self.tables.task_events.read().sort_by("seq")):
            planned = statuses.get(event.key)
            if planned is not None and planned.plan_seq == event.plan_seq:
                statuses[event.key] = TaskStatus(
                    planned.plan,
                    event.plan_seq,
                    event.event,
                    event.at,
                    event.task_id,
                    event.owner,
                    event.content or planned.content,
                    event.detail,
                )
        return statuses

    def _planned(self) -> Sequence[tuple[PlannedTask, int]]:
        """Return every plan and its `seq`, in the order of commits and positions."""
        version = self.tables.planned_tasks.version()  # before the read, which may find more
        if version != self._plans.version:
            rows = self.tables.planned_tasks.read().sort_by([("seq", "ascending"), ("position", "ascending")])
            plans = codec.values_of(PlannedTask, rows)
            self._plans.rows = list(zip(plans, rows["seq"].to_pylist(), strict=True))
            self._plans.version = version
        return self._plans.rows

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
