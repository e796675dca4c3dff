"""The metrics of a workspace, and the dashboard that shows them."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from goldloop.adapters.prometheus import PREFIX, exposition
from goldloop.core.errors import ServiceUnreachableError, StorageError, WorkspaceError
from goldloop.core.labels import LabelSet
from goldloop.core.loop_events import EventName, LoopEvent, ReceiverError
from goldloop.core.metrics import Metric, MetricKind
from goldloop.core.table_ports import Tables
from goldloop.loop.events import lost_tasks
from goldloop.loop.notify import tell
from goldloop.reports import metrics as reports_metrics
from goldloop.reports.metrics import Watched, WorkspaceMetrics
from goldloop.routing.policies import Band, PolicyEntry, Suspended
from goldloop.settings.workspace import Workspace
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import save_round
from goldloop.training.promotion import RoundRecord, decide, evaluate
from tests.loop import Loop, texts

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
PRODUCTION = DASHBOARD.parent / "production.md"
OF_SERVERS = {
    "flow_last_success_timestamp_seconds", "flow_last_duration_seconds", "flow_last_run_success",
    "step_last_success_timestamp_seconds", "step_last_duration_seconds",
}  # fmt: skip
"""What only Prefect knows; tests/e2e/test_serve.py asks a real one."""


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop with answers, gold, a decision and a suspended policy."""
    loop = Loop(tmp_path / "w", texts(40) | {"mem/bad": "!truncated"})
    loop.score()
    loop.push()
    for task_id in list(loop.queue.tasks)[:6]:
        loop.queue.answer(task_id, "1", "ham")
    loop.pull()
    close_round(loop)
    return loop


def close_round(loop: Loop) -> None:
    """Promote a model whose accuracy is 2 of 3, under a policy that audits have suspended."""
    gold = loop.gold.read().version
    judged = evaluate(
        np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]), np.array([0, 1, 1]), labels=LabelSet(("ham", "spam")),
        model_version="3", split="holdout", gold_version=gold.version, gold_digest=gold.digest,
    )  # fmt: skip
    decision = decide(loop.settings.gate, champion=None, challenger=judged, comparison=None)
    at, roles = loop.clock(), {"challenger": judged}
    record = RoundRecord(0, at, gold.version, gold.digest, 3, 6, "3", "promoted", decision, roles, None, {})
    save_round(loop.tables.rounds, record)
    PolicyLog(loop.tables.policies).settle(PolicyEntry(Suspended(Band(0.4, 0.7)), "3", 1, (), (), at))


@pytest.fixture
def watched(loop: Loop, tmp_path: Path) -> Watched:
    """Return the workspace of the loop, whose servers do not run."""

    def absent() -> Any:
        raise ServiceUnreachableError("Label Studio does not run")

    return Watched(Workspace.create(tmp_path / "w", labels=["ham", "spam"]), loop.tables, absent, loop.clock)


def readings(metrics: WorkspaceMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the figures by name and values of labels, as Prometheus parses them."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(exposition(metrics.read()).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_the_figures_are_those_of_the_status(watched: Watched, loop: Loop) -> None:
    """Files, tasks, answers, gold, champion and policy, each as the tables have it."""
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()
    found = readings(metrics)

    assert sum(found["goldloop_files"].values()) == 41
    assert found["goldloop_files"]["quarantine",] == found["goldloop_quarantined_files"]["truncated",] == 1
    n_tasks = len(loop.queue.tasks)
    assert found["goldloop_tasks"] == {("planned",): 0, ("open",): n_tasks - 6, ("answered",): 6}
    assert found["goldloop_annotations"]["answer",] == 6
    assert sum(found["goldloop_gold_samples"].values()) == 6
    assert found["goldloop_gold_version"][()] == loop.gold.newest().version == 1
    assert found["goldloop_champion_info"] == {("3",): 1}
    assert found["goldloop_champion_accuracy_ratio"][()] == pytest.approx(2 / 3)
    assert found["goldloop_champion_accuracy_lower_ratio"][()] < 0.5
    assert found["goldloop_champion_accuracy_upper_ratio"][()] > 0.9
    assert found["goldloop_model_decisions_total"] == {("promoted",): 1, ("refused",): 0}
    assert found["goldloop_policy_suspended"][()] == 1
    oldest = min(task.plan.planned_at for task in loop.state().snapshot.live.values())
    assert found["goldloop_queue_oldest_timestamp_seconds"][()] == oldest.timestamp()
    assert found["goldloop_server_up"] == {("label_studio",): 0, ("prefect",): 0, ("mlflow",): 0}
    assert found["goldloop_disk_free_bytes"][()] > 0


def test_the_queue_is_as_old_as_its_oldest_open_task(watched: Watched, loop: Loop) -> None:
    """What is answered waits no longer, however old it is."""
    for task_id in list(loop.queue.tasks)[6:]:
        loop.queue.answer(task_id, "1", "ham")
    loop.pull()
    later = loop.clock.now = loop.clock.now + timedelta(days=3)
    loop.texts.update(texts(80))
    loop.score()
    loop.push()
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()

    assert readings(metrics)["goldloop_tasks"]["open",] > 0
    assert readings(metrics)["goldloop_queue_oldest_timestamp_seconds"][()] >= later.timestamp()


def test_an_empty_workspace_has_metrics_too(tmp_path: Path, watched: Watched) -> None:
    """What is not known yet is absent, and no figure is made up."""
    empty = Loop(tmp_path / "empty", {})
    metrics = WorkspaceMetrics(replace(watched, tables=empty.tables))
    metrics.refresh()
    found = readings(metrics)

    assert found["goldloop_files"]["auto",] == 0
    for name in ("champion_accuracy_ratio", "policy_suspended", "queue_oldest_timestamp_seconds"):
        assert f"goldloop_{name}" not in found


def test_a_scrape_reads_no_table(watched: Watched, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a look reads tables, and it computes only what rests on a table that has changed."""
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()
    assert metrics.n_computed == 4
    for _ in range(3):
        metrics.refresh()
        metrics.read()
    assert metrics.n_computed == 4

    monkeypatch.setattr(reports_metrics, "MOST_SHARE", 1e9)
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()
    loop.texts["mem/new"] = "a new text"
    loop.score()
    metrics.refresh()
    assert metrics.n_computed == 5
    assert readings(metrics)["goldloop_files"]["quarantine",] == 1
    assert sum(readings(metrics)["goldloop_files"].values()) == 42


def test_looks_at_tables_that_change_all_the_time_stay_rare(watched: Watched, loop: Loop) -> None:
    """After a look that took a while the next one waits, so that both take a small share of a core."""
    metrics = WorkspaceMetrics(watched)
    started = time.monotonic()
    metrics.refresh()
    files = metrics._groups[0]
    assert files.next_look > started
    files.next_look = float("inf")
    loop.texts["mem/new"] = "a new text"
    loop.score()
    metrics.refresh()
    assert sum(readings(metrics)["goldloop_files"].values()) == 41


def test_a_look_that_fails_keeps_the_last_figures(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is raised, for the log, and counted; every other group is up to date."""
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()

    def damaged(_: Tables) -> list[Metric]:
        raise StorageError("the tables samples cannot be read")

    monkeypatch.setattr(reports_metrics, "file_metrics", damaged)
    metrics._groups[0].versions = ()
    metrics._groups[0].next_look = 0
    with pytest.raises(StorageError):
        metrics.refresh()

    found = readings(metrics)
    assert sum(found["goldloop_files"].values()) == 41
    assert found["goldloop_refresh_failures_total"][()] == 1


def test_what_receivers_did_not_take(watched: Watched) -> None:
    """An operator sees that nobody was told, and that pulls wait for a decision."""

    class Down:
        name = "webhook"

        def send(self, event: LoopEvent) -> None:
            raise ReceiverError("webhook: it does not answer")

    standing = [lost_tasks("4 of 4 tasks are gone")]
    tell(
        watched.workspace.notifications, [], standing, [Down()], wanted=tuple(EventName), now=watched.clock()
    )
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()

    assert readings(metrics)["goldloop_notifications_undelivered"][()] == 1
    assert readings(metrics)["goldloop_pull_waits_for_decision"][()] == 1


def test_a_damaged_record_of_notifications_hides_nothing_else(watched: Watched) -> None:
    """Files are still told, and the failure is counted."""
    watched.workspace.notifications.write_text("[")
    metrics = WorkspaceMetrics(watched)
    with pytest.raises(WorkspaceError):
        metrics.refresh()

    assert sum(readings(metrics)["goldloop_files"].values()) == 41
    assert readings(metrics)["goldloop_refresh_failures_total"][()] == 1


def test_names_follow_prometheus(watched: Watched) -> None:
    """Small letters, a help text, `_total` for counters alone, and no unit but the base units."""
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()

    for metric in metrics.read():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert metric.help.endswith(".")
        assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
        assert not re.search(r"_(ms|minutes|hours|days|percent|kb|mb|gb)(_|$)", metric.name)
        assert metric.name.endswith("_seconds") == ("timestamp" in metric.name or "duration" in metric.name)
        labels = [set(reading.labels) for reading in metric.readings]
        assert all(names == labels[0] for names in labels)


def asked_for(page: str) -> set[str]:
    """Return the metrics that a text names."""
    return set(re.findall(rf"\b{PREFIX}([a-z0-9_]+)\b", page))


def test_the_dashboard_asks_for_what_exists(watched: Watched) -> None:
    """Every metric that a panel, a variable or the documentation's alert rules name is served."""
    metrics = WorkspaceMetrics(watched)
    metrics.refresh()
    served = {metric.name for metric in metrics.read()} | OF_SERVERS
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    questions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    questions += [str(variable.get("query")) for variable in dashboard["templating"]["list"]]

    assert len(questions) >= 30
    assert asked_for("\n".join([*questions, PRODUCTION.read_text(encoding="utf-8")])) - served == set()
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len({panel["id"] for panel in dashboard["panels"]}) == len(places)
