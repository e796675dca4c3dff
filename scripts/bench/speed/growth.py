"""How what commands take grows with what is old: CPU seconds and peak memory of each, by samples kept.

The workspaces are those of `scripts.bench.speed.grown`. Each command then runs on one in a process of its
own, whose imports and opening are left out. What a command does is a function in COMMANDS. No server runs, so
that what they take is left out; `status` says that it cannot reach them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from typer.testing import CliRunner

from goldloop.cli.main import app
from goldloop.labeling.budget import Allowance
from goldloop.labeling.choice import choose_samples
from goldloop.labeling.context import read_state
from goldloop.labeling.plan import rank_of
from goldloop.loop.policy import settle
from goldloop.reports.round_page import write_page
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.tables.predictions import read_unlabeled_pool
from goldloop.wiring import Wiring
from scripts.bench.common import Report, figures_of, say
from scripts.bench.speed.grown import make, offline, scoring, write_posts

N_NEW = 1000  # new rows that a command finds
N_ANSWERS = 500  # that a plan spends


def score_new(wiring: Wiring, new: Path) -> ScoreReport:
    """Score N_NEW new rows."""
    report = score_source(str(new), **scoring(wiring.ports))
    if report.n_files != N_NEW or sum(report.lanes.values()) != N_NEW:
        raise SystemExit(f"scored {report.n_files} of {N_NEW} posts: {report}")
    return report


def plan(wiring: Wiring, _: Path) -> None:
    """Choose what annotators are asked about next, from the state of labeling on."""
    ports = offline(wiring)
    context, state = ports.labeling(), read_state(wiring.tables, wiring.settings)
    rank = rank_of(context, state.snapshot)
    found = choose_samples(
        wiring.tables, wiring.settings, state.snapshot, Allowance(N_ANSWERS), rank=rank, now=ports.clock()
    )
    if not found.choices:
        raise SystemExit("the plan has chosen nothing")


def _command(*words: str) -> Callable[[Wiring, Path], object]:
    """Return a function that runs a command of goldloop."""

    def run(wiring: Wiring, _: Path) -> str:
        done = CliRunner().invoke(app, [*words, "--workspace", str(wiring.workspace.root)])
        if done.exit_code:
            raise SystemExit(f"goldloop {' '.join(words)} failed: {done.output}")
        return done.output

    return run


def _answered(sql: str) -> Callable[[Wiring, Path], pa.Table]:
    """Return a function that asks the engine alone."""
    return lambda wiring, _: wiring.tables.engine.query(sql, predictions=wiring.tables.predictions)


COMMANDS: dict[str, Callable[[Wiring, Path], object]] = {
    "score": score_new,
    "score again": lambda wiring, new: score_source(str(new), **scoring(wiring.ports)),
    "status": _command("status"),
    "count files": lambda wiring, _: conservation(wiring.tables),
    "read the answers": lambda wiring, _: read_state(wiring.tables, wiring.settings),
    "plan": plan,
    "the pool of a plan": lambda wiring, _: read_unlabeled_pool(wiring.tables, set()),
    "settle": lambda wiring, _: settle(wiring.ports),
    "replay": _command("replay", "--kind", "band"),
    "report": _command("report"),
    "annotators": _command("annotators"),
    "page": lambda wiring, new: write_page(offline(wiring), new.parent, links={}),
    "score the pool": lambda wiring, _: score_pool(**scoring(wiring.ports)),
    "engine alone: lanes of the newest predictions": _answered(
        "SELECT lane, count(*) FROM (SELECT arg_max(lane, scored_at) AS lane FROM predictions "
        "GROUP BY md5_number(sample_id)) GROUP BY lane"
    ),
    "engine alone: number of predictions": _answered("SELECT count(*) FROM predictions"),
}
"""What is measured, by name, in this order; each gets the workspace and a file of N_NEW new rows."""


def measured(root: Path, command: str, new: Path) -> dict[str, float]:
    """Return what a command takes on the workspace `root`, without opening it, and its peak memory."""
    wiring = Wiring(Workspace.open(root))
    _ = wiring.tables, wiring.modality, wiring.ports
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    opened, started = _memory("VmRSS"), (time.perf_counter(), time.process_time())
    COMMANDS[command](wiring, new)
    return {
        "CPU": time.process_time() - started[1],
        "by the clock": time.perf_counter() - started[0],
        "peak memory": _memory("VmHWM"),
        "memory when opened": opened,
    }


def _memory(name: str) -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1024


_UNITS = {"CPU": "s", "by the clock": "s", "peak memory": "MB", "memory when opened": "MB"}


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure every command at every size, and the exponent with which its CPU seconds grow."""
    took: dict[str, list[tuple[int, float]]] = {command: [] for command in COMMANDS}
    for size in options.sizes:
        for command, runs in _measurements(size, options.n).items():
            for figure in runs[0]:
                name = f"growth/{command}, {size:,} samples/{figure}"
                report.median(name, [one[figure] for one in runs], _UNITS[figure])
            took[command] += [(size, one["CPU"]) for one in runs]
    for command, points in took.items():
        if len(set(options.sizes)) > 1:
            sizes, seconds = np.log(np.array(points)).T
            report.add(f"growth/{command}/exponent of CPU", float(np.polyfit(sizes, seconds, 1)[0]), "")


def _measurements(size: int, n: int) -> dict[str, list[dict[str, float]]]:
    """Return what `n` runs of each command take in a workspace of `size` samples; each run adds N_NEW."""
    found: dict[str, list[dict[str, float]]] = {command: [] for command in COMMANDS}
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        root = Path(folder) / "workspace"
        say(f"making a workspace of {size:,} samples")
        _child("make", str(root), str(size))
        for number in range(n):
            new = write_posts(Path(folder) / f"new-{number}.jsonl", 10**9 + number * N_NEW, N_NEW)
            for command, runs in found.items():
                runs.append(_child("run", str(root), command, str(new)))
    return found


def _child(*arguments: str) -> dict[str, float]:
    return figures_of("scripts.bench.speed.growth", *arguments)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(place, int(sys.argv[3]))
        print("{}")
    else:
        print(json.dumps(measured(place, sys.argv[3], Path(sys.argv[4]))))
