"""Whether intervals would keep their promise if all audited samples trained too: coverage over many draws.

Each repeat draws train samples and audits from a file of features, and judges a head twice: one that learnt
from all audits, by heads without each fold of them, and one with half of the audits kept apart from training,
the other half calibrating. The truth is the head's accuracy on all samples that were not drawn.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.splits import VALIDATION_FOLDS
from goldloop.stats.comparison import paired_difference
from goldloop.stats.metrics import Estimate, share_estimate
from models.cross_fit import Fitted, by_folds, cross_fit, plain_fit
from models.head import Head
from models.training import calibrated
from scripts.bench.common import Report, repeated

SIZES = ((150, 75), (450, 225))  # train samples and audits: one round of the demo on clothing, and three
SURE = 0.8  # confidence from which a label counts as accepted
LEAST = 5  # accepted audits below which no interval of their errors is counted

Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one interval came to: whether it held the truth, its centre minus the truth, and its width."""

    held: bool
    error: float
    width: float

    @classmethod
    def of(cls, estimate: Estimate, truth: float) -> Outcome:
        """Return the outcome of `estimate`."""
        held = estimate.low <= truth <= estimate.high
        return cls(held, estimate.value - truth, estimate.high - estimate.low)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report coverage, bias and width of each interval, and the accuracy of the heads."""
    if options.features is None:
        raise SystemExit("the part cross_fit needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    found = repeated(outcomes, seeds, [options.features] * options.n, jobs=options.jobs)
    for name in found[0]:
        kept = [one[name] for one in found if one[name] is not None]
        if isinstance(kept[0], Outcome):
            report.share(f"cross_fit/{name}/held", [one.held for one in kept])
            report.mean(f"cross_fit/{name}/error", [100 * one.error for one in kept], "points")
            report.mean(f"cross_fit/{name}/width", [100 * one.width for one in kept], "points")
        else:
            report.mean(f"cross_fit/{name}", [100 * one for one in kept], "%")


def outcomes(seed: int, path: Path) -> dict[str, Outcome | float | None]:
    """Return the outcomes of one repeat by name, and the accuracies of the heads."""
    features, columns, labels = data_of(path)
    order = np.random.default_rng(seed).permutation(len(columns))
    n_drawn = sum(SIZES[-1])
    rest, found = order[n_drawn:], {}
    heads = []
    for n_train, n_audits in SIZES:
        train, audits = order[:n_train], order[SIZES[-1][0] :][:n_audits]
        rows = np.concatenate([train, audits])
        folds = np.arange(n_audits) % VALIDATION_FOLDS
        fitted = cross_fit(
            Head.fitted, features[rows], columns[rows], np.ones(n_audits), labels=labels, folds=folds
        )
        heads.append(fitted)
        place = f"{n_audits} audits"
        found |= _judged(
            f"{place}/cross-fitted",
            fitted,
            _by_fold(fitted, columns[audits], folds),
            audits=audits,
            rest=rest,
            path=path,
        )
        half = n_audits // 2
        apart = plain_fit(
            Head.fitted,
            features[rows[: n_train + half]],
            columns[rows[: n_train + half]],
            np.ones(half),
            labels=labels,
        )
        probs = apart.calibration.apply(apart.model.logits(features[audits[half:]]))
        found |= _judged(f"{place}/kept apart", apart, probs, audits=audits[half:], rest=rest, path=path)
    found["challenger minus champion/cross-fitted"] = _difference(heads, order, rest, path)
    return found


def _judged(
    name: str,
    fitted: Fitted[Head],
    probs: npt.NDArray[np.float64],
    *,
    audits: Columns,
    rest: Columns,
    path: Path,
) -> dict[str, Outcome | float | None]:
    """Return the intervals of accuracy, and of the errors among accepted labels, of one head."""
    features, columns, _ = data_of(path)
    of_rest = fitted.calibration.apply(fitted.model.logits(features[rest]))
    right, is_right = (
        one.argmax(axis=1) == columns[rows] for one, rows in ((probs, audits), (of_rest, rest))
    )
    sure, is_sure = probs.max(axis=1) > SURE, of_rest.max(axis=1) > SURE
    errors = (
        Outcome.of(share_estimate(~right[sure]), float(1 - is_right[is_sure].mean()))
        if (sure.sum() >= LEAST)
        else None
    )
    return {
        f"{name}/accuracy": Outcome.of(share_estimate(right), float(is_right.mean())),
        f"{name}/errors among accepted": errors,
        f"{name}/accuracy of the head": float(is_right.mean()),
    }


def _by_fold(fitted: Fitted[Head], columns: Columns, folds: Columns) -> npt.NDArray[np.float64]:
    """Return the probs of the audits, calibrated without the fold of each; `columns` are their labels."""
    probs = np.zeros_like(fitted.logits)
    for fold in range(VALIDATION_FOLDS):
        kept = folds != fold
        calibration, _ = calibrated(fitted.logits[kept], columns[kept], np.ones(int(kept.sum())))
        probs[~kept] = calibration.apply(fitted.logits[~kept])
    return probs


def _difference(heads: list[Fitted[Head]], order: Columns, rest: Columns, path: Path) -> Outcome:
    """Return the interval of the gate for the second head against the first, on the second's audits."""
    features, columns, _ = data_of(path)
    n_train, n_audits = SIZES[-1]
    audits, folds = order[n_train:][:n_audits], np.arange(n_audits) % VALIDATION_FOLDS
    rights, truths = [], []
    for fitted, (n_known, n_judged) in zip(heads, SIZES, strict=True):
        said = fitted.model.logits(features[audits]).argmax(axis=1)  # of audits that came later, as it is
        rows = np.concatenate([order[:n_known], audits[:n_judged]])
        own = by_folds(fitted.model, features[rows], columns[rows], folds[:n_judged])
        said[:n_judged] = own.argmax(axis=1)
        rights.append(said == columns[audits])
        truths.append(float(np.mean(fitted.model.logits(features[rest]).argmax(axis=1) == columns[rest])))
    return Outcome.of(paired_difference(rights[1], rights[0]), truths[1] - truths[0])


@cache
def data_of(path: Path) -> tuple[npt.NDArray[np.float32], Columns, LabelSet]:
    """Return features (n, d), columns (n,) of labels, and the label set."""
    with np.load(path) as arrays:
        features, columns = arrays["x"].astype(np.float32), arrays["y"].astype(np.intp)
    return features, columns, LabelSet(tuple(f"label {number}" for number in range(int(columns.max()) + 1)))
