"""Fitting a head: on the train samples alone, or on the audited ones too, by cross-fitting.

Audited samples are a random draw, so they judge a model, and they are among the best samples to learn from.
Cross-fitting does both [bates2024]: the head learns from all of them, and for each fold of them there is
another head that learnt from all but that fold, which judges the fold. Their calibrations keep the fold out
as well. The heads of folds learn from slightly fewer samples, so that they are slightly worse than the head
that they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.splits import JUDGING_FOLDS
from goldloop.stats.calibration import Calibration
from goldloop.stats.metrics import Columns, Weights
from models.image.head import Features, Head, Values
from models.training import calibrated


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head and its calibration, and those of each fold of the validation samples.

    `logits` (n_validation, n_labels) of the validation samples are by heads that did not learn from them.
    """

    head: Head
    calibration: Calibration
    logits: Values
    notes: tuple[str, ...]
    folds: tuple[Head, ...] = ()
    fold_calibrations: tuple[Calibration, ...] = ()


def plain_fit(features: Features, columns: Columns, weights: Weights, *, labels: LabelSet) -> FittedHead:
    """Fit on the samples before the last len(`weights`), which are for validation, and calibrate on these.

    `features` (n, n_features) and `columns` (n,) are those of all samples.
    """
    cut = len(columns) - len(weights)
    head = Head.fitted(features[:cut], columns[:cut], len(labels))
    logits = head.logits(features[cut:])
    calibration, notes = calibrated(logits, columns[cut:], weights)
    return FittedHead(head, calibration, logits, notes)


def cross_fit(
    features: Features,
    columns: Columns,
    weights: Weights,
    *,
    labels: LabelSet,
    folds: npt.NDArray[np.intp],
) -> FittedHead:
    """Fit on all samples; `folds` (n_validation,), below JUDGING_FOLDS, are of the last len(`weights`) ones.

    The components and the regularisation of the folds' heads are those of the head on all samples: the
    former need no label, and the latter is one number for all.
    """
    cut = len(columns) - len(weights)
    head = Head.fitted(features, columns, len(labels))
    reduced, truth = head.reduced(features), columns[cut:]
    logits = np.zeros((len(folds), len(labels)))
    heads = []
    for fold in range(JUDGING_FOLDS):
        is_out = folds == fold
        learns = np.concatenate([np.ones(cut, dtype=bool), ~is_out])
        heads.append(head.refitted(reduced[learns], columns[learns]) if is_out.any() else head)
        logits[is_out] = heads[-1].logits(features[cut:][is_out])
    calibration, notes = calibrated(logits, truth, weights)
    kept = [folds != fold for fold in range(JUDGING_FOLDS)]
    of_folds = tuple(calibrated(logits[rows], truth[rows], weights[rows])[0] for rows in kept)
    return FittedHead(head, calibration, logits, notes, tuple(heads), of_folds)
