"""What a gate costs and spares over the rounds of a young workspace, on features of real pictures.

Three models learn from ever more random labels, and a growing holdout judges them, as in the demo on clothing
photographs. In two of the scenarios half of the labels of one round are wrong. Each rule decides who is
champion after every round; the figure is the accuracy of the champion on all samples that nobody drew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison, paired_difference
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import objections
from models.head import Head
from scripts.bench.common import Report, repeated
from scripts.bench.guarantees.cross_fit import Columns, data_of

N_TRAIN = (190, 390, 590)  # after each round
N_HOLDOUT = (45, 95, 145)
SHARE_WRONG = 0.5
SCENARIOS = {"all labels right": None, "second round wrong": 1, "third round wrong": 2}
RULES = ("goldloop", "margin from the first comparison on", "newest model")
CALIBRATED = Estimate(0.02, 0.0, 0.05, n=100)
GATE = GateSettings(max_class_fall=1.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A model: which of the holdout it gets right (n,), and its accuracy on all samples not drawn, in %."""

    right: npt.NDArray[np.bool_]
    accuracy: float


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the mean accuracy of the champion after each round, and the 5th percentile of the draws."""
    if options.features is None:
        raise SystemExit("the part succession needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    for scenario, wrong in SCENARIOS.items():
        found = repeated(
            rounds_of, seeds, [options.features] * options.n, [wrong] * options.n, jobs=options.jobs
        )
        for rule in RULES:
            paths = np.array([one[rule] for one in found])
            for number, accuracies in enumerate(paths.T):
                place = f"succession/{scenario}/{rule}/round {number}"
                report.mean(place, accuracies, "%")
                report.add(f"{place}/5th percentile", float(np.percentile(accuracies, 5)), "%", n=len(found))


def rounds_of(seed: int, path: Path, wrong: int | None) -> dict[str, list[float]]:
    """Return by rule the accuracy of the champion after each round of one draw, in %."""
    models = judged_models(seed, path, wrong)
    return {rule: succession(models, rule) for rule in RULES}


def succession(models: list[Judged], rule: str) -> list[float]:
    """Return the accuracy of the champion after each round under one of RULES."""
    champion, is_proven, path = models[0], rule != RULES[0], [models[0].accuracy]
    for model, size in zip(models[1:], N_HOLDOUT[1:], strict=True):
        difference = paired_difference(model.right[:size], champion.right[:size])
        found = objections(GATE, Comparison(difference, {}), ece=CALIBRATED, is_proven=is_proven)
        if rule == RULES[2] or not found:
            champion, is_proven = model, True
        path.append(champion.accuracy)
    return path


def judged_models(seed: int, path: Path, wrong: int | None) -> list[Judged]:
    """Return the model of each round of one draw; half of the labels of round `wrong` are wrong."""
    features, columns, labels = data_of(path)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(columns))
    holdout, train = order[: N_HOLDOUT[-1]], order[N_HOLDOUT[-1] :][: N_TRAIN[-1]]
    rest = order[N_HOLDOUT[-1] + N_TRAIN[-1] :]
    given = columns[train].copy()
    if wrong is not None:
        spoiled = np.arange(N_TRAIN[wrong - 1], N_TRAIN[wrong])
        spoiled = spoiled[rng.random(len(spoiled)) < SHARE_WRONG]
        given[spoiled] = (given[spoiled] + rng.integers(1, len(labels), len(spoiled))) % len(labels)

    def judged(n: int) -> Judged:
        head = Head.fitted(features[train[:n]], given[:n], len(labels))
        right = _right(head, features[holdout], columns[holdout])
        return Judged(right, 100 * float(_right(head, features[rest], columns[rest]).mean()))

    return [judged(n) for n in N_TRAIN]


def _right(head: Head, features: npt.NDArray[np.float32], columns: Columns) -> npt.NDArray[np.bool_]:
    right: npt.NDArray[np.bool_] = head.logits(features).argmax(axis=1) == columns
    return right
