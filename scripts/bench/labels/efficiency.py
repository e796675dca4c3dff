"""How many labels a choice of samples saves against a random choice: goldloop's and those of the literature.

Frozen features (square root, centre, length 1, principal components) and a linear model with cross-validated
regularisation. Every run draws the test set once, asks about the samples in batches and trains after each.
Runs of one seed share the crowd's errors, and as far as they choose at random the draw, so that their
differences rest on pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.metrics import f1_score

from goldloop.selection.pool import Features, Pool, Rows
from goldloop.selection.strategies import STRATEGIES, Strategy
from models.linear import cross_validated, fit_linear
from scripts.bench.common import Report, repeated, say
from scripts.bench.features import crowd_answers
from scripts.bench.labels.references import REFERENCES

BATCH, N_BATCHES = 100, 10
SIZES = tuple(BATCH * number for number in range(1, N_BATCHES + 1))
CROSS_VALIDATED = (100, 200, 400, 800)
GOAL = 800  # labels at which the random choice sets the accuracy to reach
TEST_SHARE, N_COMPONENTS = 0.28, 256
TOLERANCE = 0.5  # points below random that count as below
_SPLIT_SEED, _N_BOOTSTRAPS = 28, 2000

Curve = npt.NDArray[np.float64]
STRATEGIES_BY_NAME: Mapping[str, Strategy] = {**STRATEGIES, **REFERENCES}
PAIRS = {
    "random": ("random", "random"),
    "medoids then margin_kmeans": ("medoids", "margin_kmeans"),
    "medoids then adjusted_margin_kmeans": ("medoids", "adjusted_margin_kmeans"),
    "medoids then margin": ("medoids", "margin"),
    "medoids": ("medoids", "medoids"),
    "margin_kmeans": ("random", "margin_kmeans"),
    "adjusted_margin_kmeans": ("random", "adjusted_margin_kmeans"),
    "margin": ("random", "margin"),
    "entropy": ("random", "entropy"),
    "badge": ("random", "badge"),
    "typiclust": ("typiclust", "typiclust"),
    "coreset": ("random", "coreset"),
    "probcover": ("probcover", "probcover"),
}
"""By name, the strategies of the first batch and of the later ones."""


def run(report: Report, options: argparse.Namespace) -> None:
    """Report each pair's gain over random by size, its least gain, the labels it needs, and its macro-F1."""
    if options.features is None:
        raise SystemExit("the part efficiency needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    error = None if options.crowd else options.error
    answers = "crowd answers" if error is None else f"{error:.0%} wrong" if error else "clean"
    place = f"efficiency/{options.features.stem}/{answers}"
    curves: dict[str, Curve] = {}  # (n_seeds, 2, n_sizes)
    for name in ["random", *(name for name in options.strategies if name != "random")]:
        n = options.n
        paths, errors = [options.features] * n, [error] * n
        curves[name] = np.stack(repeated(curve, seeds, [name] * n, paths, errors, jobs=options.jobs))
        accuracies, baseline = curves[name][:, 0], curves["random"][:, 0]
        report_curves(report, f"{place}/{name}", accuracies, baseline)
        gains = 100 * (curves[name][:, 1] - curves["random"][:, 1])
        gain = gains[:, : SIZES.index(GOAL) + 1].mean(axis=1)
        report.mean(f"{place}/{name}/macro-F1, gain to {GOAL}", gain, "points")


def report_curves(report: Report, place: str, accuracies: Curve, baseline: Curve) -> None:
    """Report `accuracies` (n_seeds, n_sizes) beside those of the random choice with the same seeds."""
    gains = 100 * (accuracies - baseline)
    report.mean(f"{place}/at {GOAL}", 100 * accuracies[:, SIZES.index(GOAL)], "%")
    needed, low, high = labels_needed(accuracies, baseline)
    report.add(f"{place}/labels needed", needed, "", n=len(gains), low=low, high=high)
    if accuracies is baseline:
        return
    report.mean(f"{place}/gain to {GOAL}", gains[:, : SIZES.index(GOAL) + 1].mean(axis=1), "points")
    worst = int(gains.mean(axis=0).argmin())
    report.mean(f"{place}/least gain", gains[:, worst], "points")
    report.add(f"{place}/least gain at", SIZES[worst], "", n=len(gains))
    for size, column in zip(SIZES, gains.T, strict=True):
        report.mean(f"{place}/gain at {size}", column, "points")
    if gains.mean(axis=0).min() < -TOLERANCE:
        say(f"  {place}: more than {TOLERANCE} points below random at {SIZES[worst]} labels")


def labels_needed(accuracies: Curve, baseline: Curve) -> tuple[float, float, float]:
    """Return the labels to the baseline's mean accuracy at GOAL, with a 95 % bootstrap interval over seeds.

    The mean curve is linear between sizes. Where it stays below, the number is that of the last size.
    """
    rng = np.random.default_rng(0)
    draws = rng.integers(len(accuracies), size=(_N_BOOTSTRAPS, len(accuracies)))
    drawn = [_crossing(accuracies[draw], baseline[draw]) for draw in draws]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return _crossing(accuracies, baseline), float(low), float(high)


def _crossing(accuracies: Curve, baseline: Curve) -> float:
    goal, mean = baseline[:, SIZES.index(GOAL)].mean(), accuracies.mean(axis=0)
    reached = np.flatnonzero(mean >= goal)
    if not len(reached):
        return float(SIZES[-1])
    after = int(reached[0])
    if after == 0:
        return float(SIZES[0])
    low, high = mean[after - 1], mean[after]
    return float(SIZES[after - 1] + BATCH * (goal - low) / (high - low))


def curve(seed: int, name: str, path: Path, error: float | None) -> Curve:
    """Return test accuracy and macro-F1 of one run at each of SIZES, shape (2, n_sizes).

    A share `error` of the answers is wrong; with None each is one of the real answers to its sample.
    """
    rows, truth, is_test = data_of(path)
    first, later = (STRATEGIES_BY_NAME[strategy] for strategy in PAIRS[name])
    pool_rows, columns = rows[~is_test], truth[~is_test]
    n_labels = int(truth.max()) + 1
    if error is None:
        answers = crowd_answers(path, seed)[~is_test]
    else:
        answers = with_errors(columns, error, n_labels, np.random.default_rng([seed, 1]))
    rng = np.random.default_rng(seed)
    asked: Rows = np.zeros(0, dtype=np.int64)
    probs, found, strength = None, [], 1.0
    for size in SIZES:
        chosen = (later if len(asked) else first)(Pool(pool_rows, probs, asked, rng), BATCH)
        asked = np.concatenate([asked, chosen])
        known, given = pool_rows[asked].astype(np.float64), answers[asked]
        if size in CROSS_VALIDATED:
            strength = cross_validated(known, given, n_labels).inverse_regularisation
        weights, intercepts = fit_linear(known, given, n_labels, inverse_regularisation=strength)
        logits = rows @ weights.T + intercepts
        probs = softmax(logits[~is_test], axis=1)
        said = logits[is_test].argmax(axis=1)
        macro = f1_score(truth[is_test], said, average="macro", labels=range(n_labels), zero_division=0)
        found.append((np.mean(said == truth[is_test]), macro))
    return np.array(found).T


@cache
def data_of(path: Path) -> tuple[Features, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return reduced features (n, N_COMPONENTS) of length 1, columns of labels (n,), and the test set (n,).

    The centre and the components are those of the samples outside the test set.
    """
    with np.load(path) as arrays:
        roots, truth = np.sqrt(arrays["x"].astype(np.float64)), arrays["y"].astype(np.int64)
    is_test = np.zeros(len(truth), dtype=bool)
    draw = np.random.default_rng(_SPLIT_SEED).permutation(len(truth))
    is_test[draw[: round(TEST_SHARE * len(truth))]] = True
    rows = _of_length_one(roots - roots[~is_test].mean(axis=0))
    basis = np.linalg.eigh(rows[~is_test].T @ rows[~is_test])[1][:, -N_COMPONENTS:]
    return _of_length_one(rows @ basis).astype(np.float32), truth, is_test


def with_errors(
    columns: npt.NDArray[np.int64], error: float, n_labels: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return `columns` of which a share `error` is another label, drawn uniformly from all others."""
    is_wrong = rng.random(len(columns)) < error
    shifts = rng.integers(1, n_labels, len(columns))
    return np.where(is_wrong, (columns + shifts) % n_labels, columns)


def _of_length_one(rows: Curve) -> Curve:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
