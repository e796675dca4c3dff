"""What a spammer who joins in the second round does to gold, weighed by the posterior and counted as votes.

An expert, two average people and a careless one label a hundred new samples a round; from the second round on
a spammer, who answers without looking, takes a fifth of the work, or does not.
"""

from __future__ import annotations

import argparse

import numpy as np

from goldloop.consensus.label import Method
from scripts.bench.common import Report, repeated
from scripts.bench.labels.crowd import Project
from scripts.bench.pictures import Floats

CREW = {"1": 0.98, "2": 0.92, "3": 0.90, "4": 0.75}
SPAMMER = {"5": 0.10}
N_ROUNDS, A_ROUND = 5, 100


def run(report: Report, options: argparse.Namespace) -> None:
    """Report gold's accuracy after each round with and without the spammer, and their difference."""
    seeds = range(options.seed * 10**6, options.seed * 10**6 + options.n)
    for method in (Method.POSTERIOR, Method.MAJORITY):
        rows = np.stack(repeated(both, seeds, [method] * options.n, jobs=options.jobs))
        names = [f"after round {number}" for number in range(1, N_ROUNDS + 1)]
        for place, name in enumerate(names):
            without, joined = 100 * rows[:, 0, place], 100 * rows[:, 1, place]
            report.mean(f"spammer/{method}/{name}/gold right", joined, "%")
            report.mean(f"spammer/{method}/{name}/without the spammer", without, "%")
            report.mean(f"spammer/{method}/{name}/difference", joined - without, "points")
        for place, name in ((N_ROUNDS, "answers"), (N_ROUNDS + 1, "decisions")):
            report.mean(f"spammer/{method}/in all/{name}", rows[:, 1, place], "")
            report.mean(f"spammer/{method}/in all/{name} without the spammer", rows[:, 0, place], "")


def both(seed: int, method: Method) -> Floats:
    """Return (2, N_ROUNDS + 2): without and with the spammer, accuracy by round, answers and decisions."""
    rows = []
    for joined in (CREW, CREW | SPAMMER):
        project = Project(np.random.default_rng(seed), method)
        accuracies = []
        for number in range(N_ROUNDS):
            fit = project.play_round(joined if number else CREW, A_ROUND)
            accuracies.append(project.accuracy(fit))
        rows.append([*accuracies, len(project.order), project.n_decisions])
    return np.array(rows, dtype=np.float64)
