"""Fitting a linear model: on the train samples alone, or on those of validation too, by cross-fitting.

The model learns from validation, and for each fold of it there is another that learnt from all but that
fold; what these say of their folds calibrates the head [bates2024]. They learn from slightly fewer samples,
so that the calibration is slightly cautious.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import Calibration
from goldloop.stats.metrics import Columns, Weights
from models.linear import Values
from models.training import calibrated


class Fit(Protocol):
    """A fitted linear model of features, which are rows of any kind: dense, sparse or both.

    `trust` (n,) is how much each sample it was fitted on counted.
    """

    @property
    def n_labels(self) -> int:
        """Number of labels."""

    @property
    def trust(self) -> Values | None:
        """How much each sample counted; None where all counted alike."""

    def reduced(self, features: Any) -> Any:
        """Return `features` (n, d) as `refitted` takes them."""

    def refitted(self, reduced: Any, columns: Columns, trust: Values | None = None) -> Self:
        """Return the same model with weights fitted on other samples."""

    def logits(self, features: Any) -> Values:
        """Return the logits of `features` (n, d), float64 (n, n_labels)."""


AnyFit = TypeVar("AnyFit", bound=Fit)
FitOn = Callable[[Any, Columns, int], AnyFit]
"""A fit on features, columns and the number of labels."""


@dataclass(frozen=True, slots=True)
class Fitted(Generic[AnyFit]):
    """A fitted model and its calibration, with notes for users.

    `logits` (n_validation, n_labels) of the validation samples are by models that did not learn from them.
    """

    model: AnyFit
    calibration: Calibration
    logits: Values
    notes: tuple[str, ...]


def plain_fit(
    fit: FitOn[AnyFit],
    features: Any,
    columns: Columns,
    weights: Weights,
    *,
    labels: LabelSet,
    corrects_shares: bool = False,
) -> Fitted[AnyFit]:
    """Fit on the samples before the last len(`weights`), which are for validation, and calibrate on these.

    `features` (n, n_features) and `columns` (n,) are those of all samples. The calibration of a fit that
    `corrects_shares` accounts for labels that were learnt more often than validation has them.
    """
    cut = len(columns) - len(weights)
    model = fit(features[:cut], columns[:cut], len(labels))
    logits, learnt = model.logits(features[cut:]), columns[:cut] if corrects_shares else None
    return Fitted(model, *_calibrated(logits, columns[cut:], weights, learnt))


def cross_fit(
    fit: FitOn[AnyFit],
    features: Any,
    columns: Columns,
    weights: Weights,
    *,
    labels: LabelSet,
    folds: npt.NDArray[np.intp],
    corrects_shares: bool = False,
) -> Fitted[AnyFit]:
    """Fit on all samples; calibrate on the last len(`weights`), whose `folds` lie below VALIDATION_FOLDS."""
    model = fit(features, columns, len(labels))
    logits, learnt = by_folds(model, features, columns, folds), columns if corrects_shares else None
    return Fitted(model, *_calibrated(logits, columns[len(columns) - len(folds) :], weights, learnt))


def by_folds(model: Fit, features: Any, columns: Columns, folds: npt.NDArray[np.intp]) -> Values:
    """Return the logits (n_folded, n_labels) of the last len(`folds`) samples by models without their fold.

    The components, the regularisation and the trust in each label are those of `model`: the first need no
    label, the second is one number for all, and the third depends on a fold only through other fits.
    """
    cut, reduced = len(columns) - len(folds), model.reduced(features)
    logits = np.zeros((len(folds), model.n_labels))
    for fold in np.unique(folds):
        is_out = folds == fold
        learns = np.concatenate([np.ones(cut, dtype=bool), ~is_out])
        trust = None if model.trust is None else model.trust[learns]
        other = model.refitted(reduced[learns], columns[learns], trust)
        logits[is_out] = other.logits(features[cut:][is_out])
    return logits


def _calibrated(
    logits: Values, columns: Columns, weights: Weights, learnt: Columns | None
) -> tuple[Calibration, Values, tuple[str, ...]]:
    calibration, notes = calibrated(logits, columns, weights, learnt)
    return calibration, logits, notes
