"""The task log: the plan of each task, and the events since.

A plan is a row of `planned_tasks`. An event is a row of `task_events` and names the commit of its plan, so a
task that is gone and planned again starts without events, in whatever order the two tables are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.ports import Row, Tables
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class TaskLog:
    """Reads and adds plans and events; every addition is one commit with a number of its own."""

    tables: Tables

    def statuses(self) -> dict[str, TaskStatus]:
        """Return the newest status of every task ever planned, by key, in the order of their first plans."""
        rows = self.tables.planned_tasks.read().sort_by([("seq", "ascending"), ("position", "ascending")])
        plans = zip(codec.values_of(PlannedTask, rows), rows["seq"].to_pylist(), strict=True)
        statuses = {
            plan.key: TaskStatus(plan, seq, Event.PLANNED, plan.planned_at) for plan, seq in plans
        }  # a key that is planned again keeps the place of its first plan
        names = ["key", "plan_seq", "event", "at", "task_id", "owner", "seq"]
        events = self.tables.task_events.read(names).sort_by("seq")
        for key, plan_seq, event, at, task_id, owner, _ in zip(
            *(events[name].to_pylist() for name in names), strict=True
        ):
            planned = statuses.get(key)
            if planned is not None and planned.plan_seq == plan_seq:
                statuses[key] = TaskStatus(planned.plan, plan_seq, Event(event), at, task_id, owner)
        return statuses

    def plan(
        self, make_plans: Callable[[], Sequence[PlannedTask]], *, base: int | None = None
    ) -> list[PlannedTask]:
        """Add and return the tasks from `make_plans`, which is called again when another writer was first.

        `base` is the version of `planned_tasks` on which the first call is based.
        """
        planned: list[PlannedTask] = []

        def make_rows(seq: int) -> list[Row]:
            planned[:] = make_plans()
            return codec.rows_of(planned, seq=seq)

        self.tables.planned_tasks.append_next(make_rows, base=base)
        return planned

    def claim(
        self, choose: Callable[[Mapping[str, TaskStatus]], Sequence[str]], *, owner: str, at: datetime
    ) -> list[str]:
        """Claim and return the keys that `choose` picks from fresh statuses; no other claim can win them."""
        chosen: list[str] = []

        def make_rows(seq: int) -> list[Row]:
            statuses = self.statuses()
            chosen[:] = choose(statuses)
            return [_event(statuses[key], seq, Event.CLAIMED, at, owner=owner) for key in chosen]

        self.tables.task_events.append_next(make_rows)
        return chosen

    def record(
        self,
        event: Event,
        task_ids: Mapping[str, int | None],
        statuses: Mapping[str, TaskStatus],
        *,
        at: datetime,
        owner: str,
        detail: str = "",
    ) -> None:
        """Add `event` for every key of `task_ids`, referring to the plans in `statuses`."""
        self.tables.task_events.append_next(
            lambda seq: [
                _event(statuses[key], seq, event, at, owner=owner, task_id=task_id, detail=detail)
                for key, task_id in task_ids.items()
            ]
        )


def _event(
    status: TaskStatus,
    seq: int,
    event: Event,
    at: datetime,
    *,
    owner: str,
    task_id: int | None = None,
    detail: str = "",
) -> Row:
    return {
        "key": status.key,
        "plan_seq": status.plan_seq,
        "seq": seq,
        "event": str(event),
        "at": at,
        "owner": owner,
        "task_id": task_id,
        "detail": detail or None,
    }
