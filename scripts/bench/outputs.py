"""Model outputs with true labels: every picture is judged by a model that never saw it.

The pictures are dealt into folds, and each fold is judged by a model that learnt from the others: a tiny one,
or a head on the features of a file. Simulated outputs need neither pictures nor training.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import fit_calibration
from models.head import Head
from scripts.bench.common import say
from scripts.bench.features import Features, holds_features, read_features
from scripts.bench.model import scored, trained
from scripts.bench.pictures import Columns, Floats, Pictures, load_pictures

SIMULATED = "simulated"
REAL = ("cifar10", "clothing")
N_SIMULATED, SPREAD = 10_000, 10.0
N_FOLDS = 3
MOST_APART = 2000  # samples that calibration is fitted on; a tenth where there are fewer


@dataclass(frozen=True, slots=True)
class Outputs:
    """`logits` (n, n_labels), `truth` (n,) columns of `labels`; `answers` (n, 3) of people, or None."""

    labels: LabelSet
    logits: Floats
    truth: Columns
    answers: Columns | None = None


def outputs(name: str, options: argparse.Namespace) -> Outputs:
    """Return outputs by name: of REAL pictures, `simulated`, or a file: NAME.npz.

    A file holds `logits` and `truth`, or the features `x` and `y` that scripts/bench/features.py writes.
    """
    if name == SIMULATED:
        return simulated_outputs(options.pictures or N_SIMULATED, seed=options.seed)
    if name in REAL:
        pictures = load_pictures(options.data / name, limit=options.pictures)
        logits = cross_fitted_logits(pictures, pictures.truth, options)
        made = Outputs(pictures.labels, logits, pictures.truth, pictures.answers)
    elif Path(name).is_file() and holds_features(Path(name)):
        read = read_features(Path(name))
        logits = logits_of_features(read.plain, read.truth, len(read.labels), options.seed)
        made = Outputs(read.labels, logits, read.truth, read.answers)
    elif Path(name).is_file():
        with np.load(name) as arrays:
            logits, truth = arrays["logits"].astype(np.float64), arrays["truth"].astype(np.intp)
        made = Outputs(numbered_labels(logits.shape[1]), logits, truth)
    else:
        raise SystemExit(f"{name} is neither a file nor one of {', '.join([*REAL, SIMULATED])}")
    accuracy = (made.logits.argmax(axis=1) == made.truth).mean()
    say(f"{name}: {len(made.truth):,} samples, accuracy {accuracy:.4f}")
    return made


def numbered_labels(n: int) -> LabelSet:
    """Return the labels 'label 0' to 'label n - 1'."""
    return LabelSet(tuple(f"label {column}" for column in range(n)))


def simulated_outputs(n: int, *, seed: int, n_labels: int = 10) -> Outputs:
    """Return made-up outputs of a calibrated model: the truth is drawn from its probabilities."""
    rng = np.random.default_rng((seed, 5))
    logits = rng.normal(0, SPREAD, (n, n_labels))
    truth = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return Outputs(numbered_labels(n_labels), logits, np.minimum(truth, n_labels - 1).astype(np.intp))


def calibrated_population(made: Outputs, *, seed: int) -> tuple[Floats, Columns]:
    """Return probs (N, n_labels) and truth (N,) of all samples but those that calibration is fitted on."""
    n = len(made.truth)
    apart = np.random.default_rng((seed, 1)).permutation(n)[: min(MOST_APART, n // 10)]
    rest = np.setdiff1d(np.arange(n), apart)
    calibration = fit_calibration(made.logits[apart], made.truth[apart])
    return calibration.apply(made.logits[rest]), made.truth[rest]


def cross_fitted_logits(pictures: Pictures, columns: Columns, options: argparse.Namespace) -> Floats:
    """Return uncalibrated logits (n, n_labels) learnt from the `columns` (n,) of other pictures alone.

    Training takes minutes the first time; the folder `--cache` keeps the logits.
    """
    digest = hashlib.sha256(pictures.images.tobytes() + columns.tobytes()).hexdigest()[:16]
    kept = options.cache / f"logits-{digest}-{options.seed}.npy"
    if not kept.exists():
        fold = _folds(len(columns), options.seed)
        logits = np.zeros((len(columns), len(pictures.labels)))
        for number in range(N_FOLDS):
            learnt, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            scorer = trained(pictures.images[learnt], columns[learnt], pictures.labels, seed=options.seed)
            logits[judged] = np.log(np.maximum(scored(scorer, pictures.images[judged]).probs, 1e-12))
        keep(kept, logits)
    return np.asarray(np.load(kept), dtype=np.float64)


def logits_of_features(features: Features, columns: Columns, n_labels: int, seed: int) -> Floats:
    """Return uncalibrated logits (n, n_labels) by heads learnt from the `columns` (n,) of other samples."""
    fold, logits = _folds(len(columns), seed), np.zeros((len(columns), n_labels))
    for number in range(N_FOLDS):
        is_judged = fold == number
        head = Head.fitted(features[~is_judged], columns[~is_judged], n_labels)
        logits[is_judged] = head.logits(features[is_judged])
    return logits


def _folds(n: int, seed: int) -> Columns:
    return np.random.default_rng((seed, 2)).permutation(n) % N_FOLDS


def keep(path: Path, array: Floats) -> None:
    """Write `array` to `path`, which is either absent or complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(path)
