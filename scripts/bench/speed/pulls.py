"""What a pull takes in a workspace with many tasks, by tasks and changed answers: CPU seconds and memory.

The workspace is made by the product's own writers. Every fifth task is an audit with two answers, every other
a review with one, by five people who are right in 90 % of their answers; one task in five waits for its first
answer. The model is calibrated: the true labels are drawn from its probabilities. The labelling server is the
one in memory, so the figures are goldloop's own. Before a pull, people who have not answered a task answer
as many tasks, drawn from all, as changed answers are asked for. Each pull runs in a process of its own, whose
imports and opening are left out. The first pull of nothing reads all, the later ones find the rest of the one
before.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.special import softmax

from goldloop.adapters.label_studio.changes import CHANGED_TASKS
from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.consensus.votes import Floats
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask, Purpose, task_key
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.routing.fit import fit_policy
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from goldloop.settings.workspace import Workspace
from goldloop.tables.batches import read_drawn_samples
from goldloop.wiring import Wiring
from scripts.bench.common import Report, figures_of, say
from scripts.bench.outputs import numbered_labels
from scripts.bench.speed.growth import write_posts

LABELS = numbered_labels(10)
PEOPLE = ("1", "2", "3", "4", "5")
CHANGED = (0, 100, 10_000)
RIGHT = 0.9  # share of the answers
_LATER = timedelta(minutes=10)  # a pull reads again what changed in the last minute before the newest answer
_BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
_UNITS = {"CPU": "s", "by the clock": "s", "peak memory": "MB", "memory when opened": "MB"}


def make(root: Path, n_tasks: int) -> None:
    """Make a workspace with `n_tasks` tasks in the folder `root`, and its server in a file beside it."""
    selection = {"budget_per_round": 2 * n_tasks}
    wiring = Wiring(Workspace.create(root, labels=list(LABELS), kind="text", selection=selection))
    ports, server = wiring.ports, MemoryLabelingServer(LABELS)
    server.page_size = CHANGED_TASKS
    score_source(
        str(write_posts(root.parent / "posts.jsonl", 0, n_tasks)),
        reader=wiring.modality.reader,
        model=Model(),
        policy=fit_policy(wiring.settings).policy,
        tables=wiring.tables,
        clock=ports.clock,
    )
    chance = np.random.default_rng(1)
    samples = read_drawn_samples(wiring.tables, n_tasks)
    _push(ports, server, [_plan(key, place) for place, key in enumerate(samples)])
    for task_id, task in server.tasks.items():
        n_answers = 2 if task.pushed.purpose is Purpose.AUDIT else 1
        for turn in range(n_answers if chance.random() < 0.8 else 0):
            _answer(server, task_id, PEOPLE[(task_id + turn) % len(PEOPLE)], chance)
    pull(_with(ports, server))
    _save(root, server)


def _plan(sample_id: SampleId, position: int) -> PlannedTask:
    purpose = Purpose.REVIEW if position % 5 else Purpose.AUDIT
    probs, _ = _drawn(sample_id)
    best = int(probs.argmax())
    return PlannedTask(
        key=task_key(sample_id, purpose),
        round=0,
        position=position,
        planned_at=_BEGIN,
        batch=BatchId("bench"),
        lane="review",
        stratum="",
        split=Split.HOLDOUT if position % 10 == 0 else Split.TRAIN,
        group=sample_id[:16],
        inclusion_probability=None if position % 5 else 0.1,
        model_version="1",
        suggested_label=LABELS[best],
        suggested_score=float(probs[best]),
        hint=f"Model suggests: {LABELS[best]}",
        is_shown=purpose is Purpose.REVIEW,
        probs=tuple(probs.astype(np.float32).tolist()),
    )


def _drawn(sample_id: SampleId) -> tuple[Floats, int]:
    """Return the model's probs of a sample, and its true label, drawn from them."""
    chance = np.random.default_rng(int(sample_id[:16], 16))
    probs = softmax(chance.normal(0, 3, len(LABELS)))
    return probs, int(chance.choice(len(LABELS), p=probs))


def _push(ports: LoopPorts, server: MemoryLabelingServer, plans: list[PlannedTask]) -> None:
    log = ports.labeling(server).task_log
    log.plan(lambda: plans)
    tasks = [NewTask(one.sample_id, one.purpose, one.batch, "", one.shown_suggestion) for one in plans]
    contents = {task.key: server.content_of(task) for task in tasks}
    log.record(Event.PUSHED, server.push(tasks), log.statuses(), contents=contents)


def _answer(server: MemoryLabelingServer, task_id: int, annotator: str, chance: np.random.Generator) -> None:
    _, truth = _drawn(server.tasks[task_id].pushed.sample_id)
    seen = truth if chance.random() < RIGHT else int(chance.integers(len(LABELS)))
    server.answer(task_id, annotator, LABELS[seen])


def answer_more(server: MemoryLabelingServer, n: int, seed: int) -> None:
    """Let people answer `n` tasks that they have not answered."""
    chance, n_left = np.random.default_rng(seed), n
    for task_id in chance.permutation(list(server.tasks)).tolist():
        task = server.tasks[task_id]
        if n_left and task.pushed.purpose.has_votes and len(task.answers) < len(PEOPLE):
            free = [one for one in PEOPLE if not task.knows(one)]
            n_left -= bool(free)
            if free:
                _answer(server, task_id, free[task_id % len(free)], chance)
    if n_left:
        raise SystemExit(f"{n_left} of {n} answers found no task; take more tasks")


def measured(root: Path, n_changed: int, seed: int) -> dict[str, float]:
    """Return what a pull of `n_changed` answers takes on the workspace `root`, and its peak memory."""
    wiring, server = Wiring(Workspace.open(root)), _server_of(root)
    server.now += _LATER
    answer_more(server, n_changed, seed)
    ports = _with(wiring.ports, server)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    opened, started = _memory("VmRSS"), (time.perf_counter(), time.process_time())
    report = pull(ports)
    took = {
        "CPU": time.process_time() - started[1],
        "by the clock": time.perf_counter() - started[0],
        "peak memory": _memory("VmHWM"),
        "memory when opened": opened,
    }
    if report.n_new != n_changed:
        raise SystemExit(f"pulled {report.n_new} of {n_changed} answers: {report}")
    _save(root, server)
    return took


def _with(ports: LoopPorts, server: MemoryLabelingServer) -> LoopPorts:
    return replace(ports, open_queue=lambda: server)


def _file(root: Path) -> Path:
    return root.parent / "server.pickle"


def _save(root: Path, server: MemoryLabelingServer) -> None:
    _file(root).write_bytes(pickle.dumps(server))


def _server_of(root: Path) -> MemoryLabelingServer:
    server: MemoryLabelingServer = pickle.loads(_file(root).read_bytes())
    return server


def _memory(name: str) -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1024


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure pulls of each number of changed answers, at every number of tasks."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
            root = Path(folder) / "workspace"
            say(f"making a workspace of {size:,} tasks")
            _child("make", str(root), str(size))
            _child("run", str(root), "0", "0")  # settles what the making has left
            for n_changed in CHANGED:
                runs = [_child("run", str(root), str(n_changed), str(one)) for one in range(options.n)]
                for figure, unit in _UNITS.items():
                    name = f"pulls/{size:,} tasks, {n_changed:,} changed answers/{figure}"
                    report.median(name, [one[figure] for one in runs], unit)


def _child(*arguments: str) -> dict[str, float]:
    return figures_of("scripts.bench.speed.pulls", *arguments)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(place, int(sys.argv[3]))
        print("{}")
    else:
        print(json.dumps(measured(place, int(sys.argv[3]), int(sys.argv[4]))))
