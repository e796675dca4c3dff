"""How what commands take grows with what is old: CPU seconds and peak memory of each, by samples kept.

A workspace of posts is made by the product's own writers: ten files, scored one after the other by five
models, and all of them by the last one. Each command then runs on it in a process of its own, whose imports
and opening are left out. What a command does is a function in COMMANDS; servers take no part.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import Model, ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from scripts.bench.common import Report, say

LABELS = LabelSet.of(["fine", "spam"])
N_FILES, N_MODELS = 10, 5
N_NEW = 1000  # new rows that a command finds


class Chance:
    """Draws the probs of a post from a hash of its text, so that they cost next to nothing."""

    preset, labels = "chance", LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        digests = [hashlib.blake2b(str(text).encode(), digest_size=4).digest() for text in payloads]
        spam = np.array([int.from_bytes(one) / 2**32 for one in digests])
        return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 4), dtype=np.float32))


def write_posts(file: Path, first: int, n: int) -> Path:
    """Write `n` posts, numbered from `first`; no two are equal."""
    with file.open("w", encoding="utf-8") as lines:
        for number in range(first, first + n):
            words = hashlib.blake2b(str(number).encode()).hexdigest()
            text = " ".join(words[place : place + 8] for place in range(0, 128, 8))
            lines.write(json.dumps({"id": f"P{number:09}", "text": text}) + "\n")
    return file


def _model(number: int) -> Model:
    return Model(str(1 + number * N_MODELS // N_FILES), Chance())


def _scoring(wiring: Wiring, number: int = N_FILES - 1) -> dict[str, Any]:
    return {
        "reader": wiring.modality.reader,
        "model": _model(number),
        "policy": Band(0.4, 0.7),
        "tables": wiring.tables,
        "clock": wiring.ports.clock,
    }


def make(root: Path, size: int) -> None:
    """Make a workspace of `size` samples in the folder `root`."""
    wiring = Wiring(Workspace.create(root, labels=list(LABELS), kind="text"))
    for number in range(N_FILES):
        posts = write_posts(root.parent / f"posts-{number}.jsonl", number * size, size // N_FILES)
        score_source(str(posts), **_scoring(wiring, number))
        posts.unlink()
    score_pool(**_scoring(wiring))


def score_new(wiring: Wiring, new: Path) -> ScoreReport:
    """Score N_NEW new rows."""
    report = score_source(str(new), **_scoring(wiring))
    if report.n_files != N_NEW or sum(report.lanes.values()) != N_NEW:
        raise SystemExit(f"scored {report.n_files} of {N_NEW} posts: {report}")
    return report


COMMANDS: dict[str, Callable[[Wiring, Path], object]] = {
    "score": score_new,
    "score again": lambda wiring, new: score_source(str(new), **_scoring(wiring)),
    "count files": lambda wiring, _: conservation(wiring.tables),
    "score the pool": lambda wiring, _: score_pool(**_scoring(wiring)),
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
    command = [sys.executable, "-m", "scripts.bench.speed.growth", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(place, int(sys.argv[3]))
        print("{}")
    else:
        print(json.dumps(measured(place, sys.argv[3], Path(sys.argv[4]))))
