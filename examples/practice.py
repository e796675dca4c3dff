"""Practice: the weekly routine on a real workspace, with simulated annotators in place of the servers.

The workspace is one that `goldloop` commands open; only Label Studio and MLflow are replaced, by the
in-memory ones of `goldloop.adapters.memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

PEOPLE = ("ana", "ben", "cleo")
Truth = Mapping[str, str]
"""The true label of each sample, by the name of its file or the id of its row."""


def practise(folder: Path, source: Path, truth: Truth, *, rounds: int = 2, **settings: Any) -> LoopPorts:
    """Make a workspace in `folder`, take it through `rounds` weeks, print what each did; return its ports."""
    wiring = Wiring(Workspace.create(folder, **settings))
    people = MemoryLabelingServer(wiring.settings.label_set)
    registry, runs = MemoryRegistry(folder / "registry"), MemoryRuns()
    ports = replace(
        wiring.ports,
        open_queue=lambda: people,
        open_registry=lambda: registry,
        open_runs=lambda: runs,
    )
    labels = labels_of(ports, source, truth)
    scored = score_files(ports, str(source))
    print(f"scored {scored.n_files} samples; lanes: {dict(sorted(scored.lanes.items()))}")
    pushed = push(ports)
    print(f"asked about {sum(pushed.purposes.values())}: {dict(sorted(pushed.purposes.items()))}")
    for number in range(rounds):
        while answer(people, labels):
            pull(ports)
        tell(number, run_round(ports))
    return ports


def labels_of(ports: LoopPorts, source: Path, truth: Truth) -> dict[SampleId, str]:
    """Return the true label of each sample of `source`."""
    reader = ports.modality.reader
    is_image = ports.settings.kind == "image"
    arrivals = (
        reader.arrivals(str(source), is_known=lambda _: False) if is_image else reader.cases(str(source))
    )
    return {one.sample_id: truth[name_of(one.file.uri)] for one in arrivals if one.sample_id}


def name_of(uri: str) -> str:
    """Return the name of a file without its ending, or the id of a row.

    >>> name_of("file:///pictures/17.png"), name_of("file:///posts.csv#id=17")
    ('17', '17')
    """
    return uri.rpartition("#id=")[2] if "#id=" in uri else Path(uri).stem


def answer(people: MemoryLabelingServer, labels: Mapping[SampleId, str]) -> int:
    """Let everybody answer what is open, truly; return the number of answers."""
    n = 0
    for task_id, task in sorted(people.tasks.items()):
        for name in PEOPLE:
            if task.is_open and not task.knows(name):
                people.answer(task_id, name, labels[task.pushed.sample_id])
                n += 1
    return n


def tell(number: int, report: RoundReport) -> None:
    """Print what a round did."""
    for note in report.notes:
        print(f"round {number}: {note}")
    if report.record is not None and report.record.decision is not None:
        accuracy = report.record.evaluations["challenger"].accuracy
        print(
            f"round {number}: model {report.record.model_version} {report.record.outcome}, holdout {accuracy}"
        )
        print(f"  {report.record.decision.reasons[0]}")
