"""The metrics of a workspace: what an operator watches, computed anew only where something has changed."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from goldloop.core.annotations import GIVEN
from goldloop.core.errors import GoldloopError
from goldloop.core.metrics import Metric, MetricKind, Reading, gauge, gauges
from goldloop.core.table_ports import Table, Tables
from goldloop.core.tasks import Purpose
from goldloop.core.version import VERSION
from goldloop.loop.notify import TRIED_FOR, read_record
from goldloop.routing.policies import Suspended
from goldloop.services import Endpoints
from goldloop.services.health import check_health
from goldloop.services.run_times import read_run_times
from goldloop.services.state import TITLES
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import annotation_counts, conservation, task_counts
from goldloop.tables.model_log import read_models
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.tables.server_checks import read_check
from goldloop.tables.snapshot import Snapshot, read_snapshot
from goldloop.training.promotion import winner

MOST_SHARE = 0.05
"""Largest share of one core that looks at the tables take while these change all the time."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A workspace as its metrics see it; `servers` raises where they do not run."""

    workspace: Workspace
    tables: Tables
    servers: Callable[[], Endpoints]
    clock: Callable[[], datetime]


@dataclass(slots=True)
class _Group:
    """Metrics that rest on some tables, as they were at these versions of them."""

    tables: Sequence[Table]
    compute: Callable[[], list[Metric]]
    versions: tuple[int, ...] = ()
    metrics: list[Metric] = field(default_factory=list)
    next_look: float = 0.0

    def refresh(self) -> bool:
        """Compute the metrics anew if a table has changed, and not too soon after the last time."""
        if time.monotonic() < self.next_look:
            return False
        versions = tuple(table.version() for table in self.tables)
        if versions == self.versions:
            return False
        started = time.monotonic()
        self.metrics, self.versions = self.compute(), versions
        ended = time.monotonic()
        self.next_look = ended + (ended - started) / MOST_SHARE
        return True


class WorkspaceMetrics:
    """The metrics of one workspace; `refresh` and `read` may be called from different threads.

    `n_computed` counts how often a group of metrics was computed from tables.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched, tables = watched, watched.tables
        labeling = (tables.planned_tasks, tables.task_events, tables.answer_requests, tables.annotations)
        self._groups = [
            _Group((tables.samples, tables.predictions), lambda: file_metrics(tables)),
            _Group(
                (*labeling, tables.gold, tables.outcomes, tables.imported_labels, tables.rounds),
                lambda: labeling_metrics(read_snapshot(tables)),
            ),
            _Group((tables.rounds, tables.models, tables.policies), lambda: model_metrics(tables)),
            _Group((tables.server_checks,), lambda: loss_metrics(tables)),
        ]
        self._found: tuple[Metric, ...] = ()
        self._n_failures = 0
        self.n_computed = 0

    def refresh(self) -> None:
        """Look at the tables and the servers; what fails keeps its last figures and is counted."""
        started, problem = time.time(), None
        outside = list[Metric]()
        looks: list[Callable[[], object]] = [self._refresh(group) for group in self._groups]
        looks += [lambda: outside.extend(server_metrics(self._watched))]
        looks += [lambda: outside.extend(notification_metrics(self._watched))]
        for look in looks:
            try:
                look()
            except GoldloopError as error:
                problem = error
        self._n_failures += problem is not None
        ended = time.time()
        times = {"timestamp": ("When the tables were last looked at (Unix time).", ended)}
        times["duration"] = ("Seconds that the last look took.", ended - started)
        self._found = (
            *(metric for group in self._groups for metric in group.metrics),
            *outside,
            *(gauge(f"refresh_{name}_seconds", words, value) for name, (words, value) in times.items()),
        )
        if problem is not None:
            raise problem

    def _refresh(self, group: _Group) -> Callable[[], None]:
        def refresh() -> None:
            self.n_computed += group.refresh()

        return refresh

    def read(self) -> list[Metric]:
        """Return the metrics of the last refresh, and how much room the disk has now."""
        failures = (Reading(self._n_failures, {}),)
        return [
            *self._found,
            *disk_metrics(self._watched),
            Metric("refresh_failures_total", "Looks that failed.", failures, MetricKind.COUNTER),
        ]


def file_metrics(tables: Tables) -> list[Metric]:
    """Return where the files are: every file that arrived counts in one place."""
    files = conservation(tables)
    places = files.lanes | {"quarantine": files.quarantine, "duplicate": files.duplicate}
    places["not scored"] = files.n_missing
    return [
        gauges("files", "Files that arrived, by where they are: a lane, or aside.", "place", places),
        gauges("quarantined_files", "Files in quarantine by reason.", "reason", files.reasons),
    ]


def labeling_metrics(snapshot: Snapshot) -> list[Metric]:
    """Return tasks, answers and gold; the age of the queue is that of the oldest task without an answer."""
    tasks, answers = task_counts(snapshot), annotation_counts(snapshot.annotations)
    states = {"planned": tasks.planned, "open": tasks.waiting, "answered": tasks.answered}
    statuses = {
        "answer": answers.answers,
        "skip": answers.skips,
        "invalid": answers.invalid,
        "retracted": answers.retracted,
        "refused": answers.refused,
    }
    splits = Counter(str(record.split) for record in snapshot.gold.records)
    newest = max((row.created_at.timestamp() for row in snapshot.annotations), default=None)
    return [
        gauges("tasks", "Live tasks by state.", "state", states),
        gauges("pushed_tasks", "Live tasks on the labelling server by purpose.", "purpose", tasks.purposes),
        gauges("annotations", "Annotations by status.", "status", statuses),
        gauge("annotators", "Annotators whose answers count.", answers.annotators),
        gauge(
            "queue_oldest_timestamp_seconds",
            "When the oldest task without an answer was planned (Unix time).",
            _oldest_open(snapshot),
        ),
        gauge("answer_newest_timestamp_seconds", "When the newest answer was given (Unix time).", newest),
        gauge("gold_version", "Newest gold version.", snapshot.gold.version.version),
        gauges("gold_samples", "Samples in gold by split.", "split", splits),
        gauge("round", "Number of the open round.", snapshot.round),
    ]


def _oldest_open(snapshot: Snapshot) -> float | None:
    answered = {row.key for row in snapshot.annotations if row.status in GIVEN}
    planned = (
        task.plan.planned_at.timestamp()
        for task in snapshot.live.values()
        if not task.is_waiting and task.purpose is not Purpose.ONBOARDING and task.key not in answered
    )
    return min(planned, default=None)


def model_metrics(tables: Tables) -> list[Metric]:
    """Return the champion, its accuracy on the holdout at the last decision, and the policy."""
    rounds, champion = read_rounds(tables.rounds), read_models(tables).champion
    judged = next((winner(one.evaluations, one.decision) for one in reversed(rounds) if one.decision), None)
    accuracy = judged.accuracy if judged and champion and judged.model_version == champion.version else None
    entries = PolicyLog(tables.policies).entries()
    outcomes = {"promoted": 0, "refused": 0} | Counter(
        "promoted" if one.is_promoted else "refused" for one in rounds if one.decision
    )
    decided = tuple(Reading(n, {"outcome": outcome}) for outcome, n in outcomes.items())
    figures = {
        "ratio": ("Accuracy of the champion on the holdout.", accuracy.value if accuracy else None),
        "lower_ratio": ("Lower end of its 95 % interval.", accuracy.low if accuracy else None),
        "upper_ratio": ("Upper end of its 95 % interval.", accuracy.high if accuracy else None),
        "samples": ("Holdout samples that it rests on.", accuracy.n if accuracy else None),
    }
    return [
        gauges(
            "champion_info", "The champion's version.", "version", {champion.version: 1} if champion else {}
        ),
        *(gauge(f"champion_accuracy_{end}", words, value) for end, (words, value) in figures.items()),
        Metric("model_decisions_total", "Decisions of the gate.", decided, MetricKind.COUNTER),
        gauge(
            "policy_suspended",
            "1 while audits have suspended the policy in force.",
            float(isinstance(entries[-1].policy, Suspended)) if entries else None,
        ),
        gauges(
            "policy_info",
            "The policy in force.",
            "policy",
            {entries[-1].policy.version: 1} if entries else {},
        ),
    ]


def loss_metrics(tables: Tables) -> list[Metric]:
    """Return what vanished from the labelling server."""
    check = read_check(tables.server_checks)
    return [
        gauge("lost", "Tasks and answers gone from the labelling server.", check.n_lost if check else 0),
        gauge(
            "server_check_timestamp_seconds",
            "When all tasks were last compared with the labelling server (Unix time).",
            check.at.timestamp() if check else None,
        ),
    ]


def server_metrics(watched: Watched) -> list[Metric]:
    """Return which servers answer, and when each flow and step last succeeded."""
    try:
        servers = watched.servers()
    except GoldloopError:
        return [gauges("server_up", "1 if the server answers.", "server", dict.fromkeys(TITLES, 0.0))]
    is_up = {}
    for name in TITLES:
        try:
            check_health(name, servers)
            is_up[name] = 1.0
        except GoldloopError:
            is_up[name] = 0.0
    metrics = [gauges("server_up", "1 if the server answers.", "server", is_up)]
    times = read_run_times(servers.prefect, watched.workspace.id)
    if times is None:
        return metrics
    for kind, found in (("flow", times.flows), ("step", times.steps)):
        names = [{"flow": one.flow} | ({"step": one.step} if kind == "step" else {}) for one in found]
        metrics += [
            Metric(
                f"{kind}_last_success_timestamp_seconds",
                f"When the {kind} last succeeded (Unix time).",
                tuple(Reading(one.ended_at.timestamp(), n) for one, n in zip(found, names, strict=True)),
            ),
            Metric(
                f"{kind}_last_duration_seconds",
                f"Seconds that the last success of the {kind} took.",
                tuple(Reading(one.duration_s, n) for one, n in zip(found, names, strict=True)),
            ),
        ]
    is_good = {flow: float(good) for flow, good in times.is_last_good.items()}
    return [*metrics, gauges("flow_last_run_success", "1 if its last run succeeded.", "flow", is_good)]


def notification_metrics(watched: Watched) -> Iterable[Metric]:
    """Return how many events a receiver has not taken, and whether a pull waits for a decision."""
    record, now = read_record(watched.workspace.notifications), watched.clock()
    undelivered = sum(bool(told.failed) and told.event.at >= now - TRIED_FOR for told in record.told)
    waits = any(name.startswith("tasks.lost/") for name in record.standing)
    return [
        gauge("notifications_undelivered", "Events of a day that a receiver did not take.", undelivered),
        gauge("pull_waits_for_decision", "1 while pulls wait for a decision about losses.", float(waits)),
    ]


def disk_metrics(watched: Watched) -> list[Metric]:
    """Return the room on the workspace's disk, and which goldloop answers."""
    disk, settings = shutil.disk_usage(watched.workspace.root), watched.workspace.settings
    build = {"version": VERSION, "workspace": settings.name, "kind": settings.kind}
    return [
        Metric("build_info", "The goldloop that answers.", (Reading(1, build),)),
        gauge("disk_free_bytes", "Bytes free on the disk of the workspace.", disk.free),
        gauge("disk_size_bytes", "Bytes of the disk of the workspace.", disk.total),
    ]
