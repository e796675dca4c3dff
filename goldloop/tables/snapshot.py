"""The snapshot: the labeling tables at one moment, read once and passed on as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from goldloop.core.annotations import StoredAnnotation
from goldloop.core.imported_labels import ImportedLabel
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.reported_outcomes import Placement, ReportedOutcome
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Table, Tables
from goldloop.core.tasks import Purpose, split_key
from goldloop.tables.answers import RequestLog, read_annotations, read_requests
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.imported_labels import read_imported
from goldloop.tables.outcomes import read_reported
from goldloop.tables.task_log import TaskLog


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of the tables that a commit based on the snapshot writes."""

    planned_tasks: int
    answer_requests: int
    annotations: int


Value = TypeVar("Value")


@dataclass(frozen=True)
class Snapshot:
    """The labeling tables at one moment: tasks, requests, annotations, rounds, gold, outcomes, imports.

    `closed_at` holds the time at which each round closed, oldest first; `closed_gold` is the digest of the
    gold version with which the last one closed, None before the first. `round` is the number of the open
    round.
    """

    versions: Versions
    tasks: Mapping[str, TaskStatus]
    requests: RequestLog
    annotations: tuple[StoredAnnotation, ...]
    closed_at: tuple[datetime, ...]
    closed_gold: str | None
    round: int
    gold: Gold
    reported: tuple[ReportedOutcome, ...] = ()
    imported: tuple[ImportedLabel, ...] = ()

    @property
    def has_model(self) -> bool:
        """Whether there has been a model: the first retrain that closes a round promotes one."""
        return bool(self.closed_at)

    @cached_property
    def live(self) -> dict[str, TaskStatus]:
        """Return the live tasks by key."""
        return {key: task for key, task in self.tasks.items() if task.is_live}

    @cached_property
    def pushed(self) -> dict[str, int]:
        """Return the id on the server of every pushed task, by key."""
        return {
            key: task.task_id
            for key, task in self.tasks.items()
            if task.event is Event.PUSHED and task.task_id is not None
        }

    @property
    def audit_only(self) -> set[SampleId]:
        """Return the taken samples that the audit may still draw: those that nobody was asked about.

        They have an appeal, an outcome or an imported label at most. Without them the audit would miss what
        is appealed and what is reported, and flatter the machine.
        """
        live = self.live.values()
        unasked = {
            record.sample_id
            for record in self.gold.records
            if record.purpose in (Purpose.OUTCOME, Purpose.IMPORT)
        }
        others = {task.sample_id for task in live if task.purpose is not Purpose.APPEAL}
        return ({task.sample_id for task in live} | unasked) - others

    def changed_since(self, other: Snapshot) -> set[SampleId] | None:
        """Return the samples whose plans or wanted answers differ from the `other`; None where more does."""
        is_same = (
            self.annotations is other.annotations
            and self.reported is other.reported
            and self.imported is other.imported
            and self.closed_at == other.closed_at
        )
        if not is_same:
            return None
        keys: set[str] = set()
        if self.tasks is not other.tasks:
            keys |= _different(self.live, other.live, lambda now, before: now.plan is before.plan)
        if self.requests is not other.requests:
            wanted = self.requests.n_wanted, other.requests.n_wanted
            keys |= _different(*wanted, lambda now, before: now == before)
        return {split_key(key)[0] for key in keys}

    @property
    def assigned(self) -> Iterator[PlannedTask | Placement]:
        """Yield what has a group and a split: tasks ever planned, and what outcomes and imports placed."""
        yield from (task.plan for task in self.tasks.values())
        told: tuple[ReportedOutcome | ImportedLabel, ...] = (*self.reported, *self.imported)
        yield from (one.placement for one in told if one.placement is not None)

    @property
    def taken(self) -> set[SampleId]:
        """Return the samples with a live task, and those in gold."""
        in_gold = {record.sample_id for record in self.gold.records}
        return in_gold | {task.sample_id for task in self.live.values()}


def _different(
    now: Mapping[str, Value], before: Mapping[str, Value], is_same: Callable[[Value, Value], bool]
) -> set[str]:
    """Return the keys that one alone has, and those with values that are not the same."""
    both = now.keys() & before.keys()
    return (now.keys() ^ before.keys()) | {key for key in both if not is_same(now[key], before[key])}


def read_versions(tables: Tables) -> Versions:
    """Return the newest versions; no rows are read."""
    return Versions(
        tables.planned_tasks.version(), tables.answer_requests.version(), tables.annotations.version()
    )


@dataclass(slots=True)
class Decoded:
    """What the tables held when they were last read; a table is decoded again only when it has changed."""

    _kept: dict[str, tuple[object, Any]] = field(default_factory=dict)

    def get(self, name: str, version: object, read: Callable[[], Value]) -> Value:
        """Return what `read` returned at this `version`, which was asked for before the rows are read."""
        known = self._kept.get(name)
        if known is None or known[0] != version:
            known = self._kept[name] = (version, read())
        value: Value = known[1]
        return value

    def keep(self, name: str, version: object, value: object) -> None:
        """Keep what was just written as this `version`, which need not be read."""
        self._kept[name] = (version, value)


SNAPSHOT = (
    "planned_tasks",
    "task_events",
    "answer_requests",
    "annotations",
    "gold",
    "rounds",
    "outcomes",
    "imported_labels",
)
"""The tables of a snapshot."""

_PULLED = ("samples", *SNAPSHOT, "server_checks")
"""The tables that a pull reads."""


_FEW = 3  # commits, of which the newest may have merged files, or the newest two


def read_marks(tables: Tables, names: Collection[str] = _PULLED) -> dict[str, str]:
    """Return a name of the newest commit of each table of `names`, those that a pull reads; no rows are read.

    It holds the number and the moment of the commit, so that a restored table has another one. One that only
    merges files counts as none.
    """
    newest = {name: _newest_change(tables.named[name]) for name in names}
    return {name: f"{entry['version']} {entry['timestamp']}" for name, entry in newest.items()}


def _newest_change(table: Table) -> Mapping[str, Any]:
    history = table.history(_FEW)
    return next((entry for entry in history if entry.get("operation") != "OPTIMIZE"), history[0])


def n_commits_since(tables: Tables, marks: Mapping[str, str]) -> dict[str, int]:
    """Return the number of commits since its mark of each table, without those that maintain it."""
    counts = {}
    for name, mark in marks.items():
        table, before = tables.named[name], int(mark.split()[0])
        newer = table.history(max(table.version() - before, 0)) if table.version() > before else []
        counts[name] = sum(
            entry["version"] > before and entry.get("operation") != "OPTIMIZE" for entry in newer
        )
    return counts


def read_closed(tables: Tables) -> tuple[tuple[datetime, ...], str | None, int]:
    """Return when each round closed, the digest of the last one's gold, and the number of the open round."""
    rounds = tables.rounds.read(["round", "closed_at", "gold_digest"]).sort_by("round")
    closed_gold = rounds["gold_digest"].to_pylist()[-1] if len(rounds) else None
    return (
        tuple(rounds["closed_at"].to_pylist()),
        closed_gold,
        max(rounds["round"].to_pylist(), default=-1) + 1,
    )


def read_snapshot(
    tables: Tables, task_log: TaskLog | None = None, decoded: Decoded | None = None
) -> Snapshot:
    """Return the snapshot of now; it reads each table once, the tasks through `task_log` if given.

    What `decoded` holds of a table that has not changed since is not read again.

    It reads the versions first, and gold before the answers: a commit based on this snapshot then conflicts
    with every commit that the snapshot may have missed.
    """
    versions, decoded = read_versions(tables), decoded or Decoded()
    gold = decoded.get("gold", tables.gold.version(), GoldStore(tables.gold).read)
    log = task_log or TaskLog(tables)
    tasks = decoded.get("tasks", (tables.planned_tasks.version(), tables.task_events.version()), log.statuses)
    requests = decoded.get(
        "requests", versions.answer_requests, lambda: read_requests(tables.answer_requests)
    )
    annotations = decoded.get(
        "annotations", versions.annotations, lambda: tuple(read_annotations(tables.annotations))
    )
    reported = decoded.get(
        "reported", tables.outcomes.version(), lambda: tuple(read_reported(tables.outcomes))
    )
    imported = decoded.get(
        "imported", tables.imported_labels.version(), lambda: tuple(read_imported(tables.imported_labels))
    )
    closed_at, closed_gold, open_round = decoded.get(
        "rounds", tables.rounds.version(), lambda: read_closed(tables)
    )
    return Snapshot(
        versions, tasks, requests, annotations, closed_at, closed_gold, open_round, gold, reported, imported
    )
