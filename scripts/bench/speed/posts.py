"""How fast a file of posts is scored with hashed words, and how much memory that takes.

The posts are made of words of a made-up language with the lengths of tweets, and no two are equal. Reading,
keeping, fingerprints, lanes and the tables are included. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from scripts.bench.common import Report, say

LABELS = LabelSet.of(["fine", "harassment", "hate speech", "spam"])
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "ai", "or")]
N_WORDS, N_KNOWN, LONGEST = 50_000, 2000, 30


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure every size and report posts a second, minutes and memory."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            say(f"writing {size:,} posts")
            _child("prepare", root, str(size), str(options.seed))
            runs = [_child("score", root, str(size)) for _ in range(options.n)]
        for figure, unit in (("seconds", "s"), ("of processor", "s"), ("megabytes", "MB")):
            report.median(f"posts/{size:,} posts/{figure}", [one[figure] for one in runs], unit)
        report.median(f"posts/{size:,} posts/rate", [size / one["seconds"] for one in runs], "posts/s")


def _child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.bench.speed.posts", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def prepare(root: Path, n: int, seed: int) -> None:
    """Write a trained model, and `n` posts of which no two are equal."""
    from models.text.trainer import WordTrainer

    rng = np.random.default_rng(seed)
    words = np.array(["".join(rng.choice(SYLLABLES, rng.integers(1, 5))) for _ in range(N_WORDS)])

    def post(number: int) -> str:
        ranks = (N_WORDS ** rng.random(rng.integers(3, LONGEST))).astype(int) - 1  # few words are frequent
        return f"{' '.join(words[ranks])} {number}"

    with (root / "posts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        writer.writerows((number, post(number)) for number in range(n))
    known = {sample_id_of(text.encode()): text for text in map(post, range(-N_KNOWN, 0))}
    pairs = [(key, int(rng.integers(len(LABELS)))) for key in known]
    WordTrainer().train(pairs, [], labels=LABELS, load=lambda key: Decoded(known[key]), folder=root / "model")


def score(root: Path, n: int) -> float:
    """Return the seconds that scoring the `n` posts takes, into the tables of a fresh workspace."""
    from goldloop.routing.policies import Band
    from goldloop.scoring.score import score_source
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    with tempfile.TemporaryDirectory(dir=root) as folder:
        parts = Wiring(Workspace.create(Path(folder) / "workspace", labels=list(LABELS), kind="text"))
        model = Model("1", parts.trainer.scorer(root / "model"))
        started = time.perf_counter()
        report = score_source(
            str(root / "posts.csv"),
            reader=parts.modality.for_preset("words").reader,
            model=model,
            policy=Band(0.4, 0.7),
            tables=parts.tables,
            clock=parts.ports.clock,
        )
        took_s = time.perf_counter() - started
    if report.n_files != n or sum(report.lanes.values()) != n:
        raise SystemExit(f"scored {sum(report.lanes.values())} of {n} posts: {report}")
    return took_s


if __name__ == "__main__":
    place, number = Path(sys.argv[2]), int(sys.argv[3])
    if sys.argv[1] == "prepare":
        prepare(place, number, int(sys.argv[4]))
        print("{}")
    else:
        took_s = score(place, number)
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        peak_mb = int(status["VmHWM"].split()[0]) / 1024  # getrusage would name the parent's peak
        print(json.dumps({"seconds": took_s, "of processor": time.process_time(), "megabytes": peak_mb}))
