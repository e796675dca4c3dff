"""Fitting a head: on the train samples alone, or on those of validation too, by cross-fitting.

The head learns from validation, and for each fold of it there is another head that learnt from all but that
fold; what these say of their folds calibrates the head [bates2024]. They learn from slightly fewer samples,
so that the calibration is slightly cautious.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import Calibration
from goldloop.stats.metrics import Columns, Weights
from models.head import Features, Head, Values
from models.training import calibrated


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head and its calibration, with notes for users.

    `logits` (n_validation, n_labels) of the validation samples are by heads that did not learn from them.
    """

    head: Head
    calibration: Calibration
    logits: Values
    notes: tuple[str, ...]


def plain_fit(features: Features, columns: Columns, weights: Weights, *, labels: LabelSet) -> FittedHead:
    """Fit on the samples before the last len(`weights`), which are for validation, and calibrate on these.

    `features` (n, n_features) and `columns` (n,) are those of all samples.
    """
    cut = len(columns) - len(weights)
    head = Head.fitted(features[:cut], columns[:cut], len(labels))
    logits = head.logits(features[cut:])
    return FittedHead(head, *_calibrated(logits, columns[cut:], weights))


def cross_fit(
    features: Features,
    columns: Columns,
    weights: Weights,
    *,
    labels: LabelSet,
    folds: npt.NDArray[np.intp],
) -> FittedHead:
    """Fit on all samples; calibrate on the last len(`weights`), whose `folds` lie below VALIDATION_FOLDS."""
    head = Head.fitted(features, columns, len(labels))
    logits = by_folds(head, features, columns, folds)
    return FittedHead(head, *_calibrated(logits, columns[len(columns) - len(folds) :], weights))


def by_folds(head: Head, features: Features, columns: Columns, folds: npt.NDArray[np.intp]) -> Values:
    """Return the logits (n_folded, n_labels) of the last len(`folds`) samples by heads without their fold.

    The components, the regularisation and the trust in each label are those of `head`: the first need no
    label, the second is one number for all, and the third depends on a fold only through other fits.
    """
    cut, reduced = len(columns) - len(folds), head.reduced(features)
    logits = np.zeros((len(folds), len(head.intercepts)))
    for fold in np.unique(folds):
        is_out = folds == fold
        learns = np.concatenate([np.ones(cut, dtype=bool), ~is_out])
        trust = None if head.trust is None else head.trust[learns]
        other = head.refitted(reduced[learns], columns[learns], trust)
        logits[is_out] = other.logits(features[cut:][is_out])
    return logits


def _calibrated(
    logits: Values, columns: Columns, weights: Weights
) -> tuple[Calibration, Values, tuple[str, ...]]:
    calibration, notes = calibrated(logits, columns, weights)
    return calibration, logits, notes
