"""The snapshot: what the tables hold about labeling at one moment, read once and handed down as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.annotations import StoredAnnotation
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.ports import Tables
from goldloop.core.samples import SampleId
from goldloop.tables.annotations import read_annotations
from goldloop.tables.answer_requests import RequestLog, read_requests
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.task_log import TaskLog


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of the tables whose next commit rests on a snapshot."""

    planned_tasks: int
    answer_requests: int
    annotations: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the tables hold about labeling: tasks by key, requests, annotations, closed rounds and gold.

    `closed_at` are the moments at which rounds closed, oldest first; `round` is the number of the open one.
    """

    versions: Versions
    tasks: Mapping[str, TaskStatus]
    requests: RequestLog
    annotations: tuple[StoredAnnotation, ...]
    closed_at: tuple[datetime, ...]
    round: int
    gold: Gold

    @property
    def live(self) -> dict[str, TaskStatus]:
        """Return the tasks that annotators have, or will have, by key."""
        return {key: task for key, task in self.tasks.items() if task.is_live}

    @property
    def taken(self) -> set[SampleId]:
        """Return the samples that a live task asks about, and those in gold."""
        return {task.sample_id for task in self.live.values()} | {
            record.sample_id for record in self.gold.records
        }


def read_snapshot(tables: Tables) -> Snapshot:
    """Return what the tables hold now, each of six tables read once.

    Versions come first, and gold before the answers it is made of: a commit that rests on this snapshot then
    conflicts with every commit that the snapshot may have missed.
    """
    versions = Versions(
        tables.planned_tasks.version(), tables.answer_requests.version(), tables.annotations.version()
    )
    gold = GoldStore(tables.gold).read()
    tasks = TaskLog(tables).statuses()
    requests = read_requests(tables.answer_requests)
    annotations = tuple(read_annotations(tables.annotations))
    rounds = tables.rounds.read(["round", "closed_at"]).sort_by("round")
    numbers = rounds["round"].to_pylist()
    return Snapshot(
        versions=versions,
        tasks=tasks,
        requests=requests,
        annotations=annotations,
        closed_at=tuple(rounds["closed_at"].to_pylist()),
        round=max(numbers, default=-1) + 1,
        gold=gold,
    )


def read_taken(tables: Tables) -> set[SampleId]:
    """Return the samples that a live task asks about, and those in gold."""
    live = {task.sample_id for task in TaskLog(tables).statuses().values() if task.is_live}
    return live | {record.sample_id for record in GoldStore(tables.gold).read().records}
