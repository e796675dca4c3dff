"""What is true after a command, in tables and on servers, and how it differs from the undisturbed run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from goldloop.core.planned_tasks import Event
from goldloop.tables.counts import conservation
from goldloop.tables.predictions import newest_predictions
from goldloop.tables.rounds import read_rounds
from goldloop.tables.snapshot import read_snapshot
from goldloop.wiring import open_workspace
from scripts.bench.faults.stack import LABEL_STUDIO, Stack, read_only

Facts = Counter[Hashable]
"""How often each fact is true. In the undisturbed run a fact of a key, such as a task, is true once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Facts that the undisturbed run has and this one lacks, and those that it has too much."""

    lost: list[str]
    doubled: list[str]


def difference(calm: Facts, seen: Facts) -> Difference:
    """Return what is lost, and what is there more than once or should not be there at all."""
    return Difference(_lines(calm - seen), _lines(seen - calm))


def _lines(facts: Facts) -> list[str]:
    return [f"{fact} x{n}" if n > 1 else str(fact) for fact, n in sorted(facts.items(), key=str)]


def facts(root: Path, stack: Stack, champion_before: str | None) -> Facts:
    """Return what is true of the workspace `root` and of its projects."""
    wiring = open_workspace(root)
    tables = wiring.tables
    found = Facts()
    found[("files", str(conservation(tables)))] += 1
    placed = newest_predictions(tables, ()).select(["sample_id", "lane"]).to_pylist()
    found.update(("lane", row["sample_id"], row["lane"]) for row in placed)
    snapshot = read_snapshot(tables)
    for key, task in snapshot.tasks.items():
        if task.is_live:
            found[("task", key, str(task.event))] += 1
    on_server = wiring.queue().all_tasks()
    found.update(("task on the server", key) for key in on_server.values())
    found.update(
        ("recorded id", key)
        for key, task in snapshot.tasks.items()
        if task.event is Event.PUSHED and on_server.get(task.task_id or 0) == key
    )
    found.update(
        ("answer", kept.key, kept.label, str(kept.status))
        for kept in snapshot.annotations
        if kept.key in snapshot.tasks
    )
    found.update(("gold", one.sample_id, one.label, str(one.split)) for one in snapshot.gold.records)
    found[("gold digest", snapshot.gold.version.digest)] += 1
    found.update(("round", one.round, one.outcome, one.gold_digest) for one in read_rounds(tables.rounds))
    found[("champion moved", wiring.registry.version_at("champion") != champion_before)] += 1
    return found + _on_the_server(stack)


def _on_the_server(stack: Stack) -> Facts:
    """Return how many suggestions and answers Label Studio holds."""
    with read_only(stack.database(LABEL_STUDIO)) as database:
        counts = {
            name: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for name, table in (("suggestions", "prediction"), ("answers", "task_completion"))
        }
    return Facts({(f"{name} on the server",): n for name, n in counts.items()})
