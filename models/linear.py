"""Multinomial logistic regression on features, and the regularisation that cross-validation chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from goldloop.stats.metrics import Columns

INVERSE_REGULARISATIONS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""`C` of scikit-learn among which cross-validation chooses, for rows of length 1."""

N_FOLDS = 5
MISTAKEN = 0.05
"""Share of labels that are taken to be wrong, each as likely any other: as in the prior of the consensus."""

_MAX_STEPS = 1000
ABSENT = -10.0  # logit of a label without a training sample, the others being near 0

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The inverse regularisation that cross-validation chose, and what its fits said of the samples.

    `logits` (n, n_labels) are by fits that did not learn from the sample; None where nothing was fitted.
    `is_known` (n,) tells whether that fit learnt from another sample with the label.
    """

    inverse_regularisation: float
    logits: Values | None = None
    is_known: npt.NDArray[np.bool_] | None = None

    def trust(self, columns: Columns) -> Values:
        """Return how likely the label of each sample is right, (n,), by the fits that did not learn from it.

        A share MISTAKEN of the labels is wrong at random: one step of expectation maximisation [raykar2010].
        Where no fit knew the label, as of the only sample of a rare one, it is 1.
        """
        if self.logits is None or self.is_known is None:
            return np.ones(len(columns))
        probs = softmax(self.logits, axis=1)
        own = probs[np.arange(len(columns)), columns]
        right = (1 - MISTAKEN) * own
        trust = right / (right + MISTAKEN * (1 - own) / max(1, probs.shape[1] - 1))
        return np.where(self.is_known, trust, 1.0)


def fit_linear(
    features: Any,
    columns: Columns,
    n_labels: int,
    *,
    inverse_regularisation: float,
    trust: Values | None = None,
) -> tuple[Values, Values]:
    """Return weights (n_labels, n_features) and intercepts (n_labels,) for rows `features`, dense or sparse.

    A label without a sample hardly ever gets a probability. `trust` (n,) weighs the samples in the loss.
    """
    present = np.unique(columns)
    regression = LogisticRegression(C=inverse_regularisation, max_iter=_MAX_STEPS)
    if len(present) > 1:
        with threadpool_limits(1):  # vectors this small gain nothing from threads, which wait for each other
            regression.fit(features, columns, sample_weight=trust)
    return _over_all_labels(regression, present, n_labels, features.shape[1])


def cross_validated(features: npt.NDArray[np.floating], columns: Columns, n_labels: int) -> CrossValidation:
    """Return the inverse regularisation with the least log loss over N_FOLDS folds of `features` (n, d).

    The folds take turns over the samples in the order of their labels, so that each label is in as many folds
    as it has samples. Each fold begins with the strongest regularisation and goes on from there. The search
    ends when the loss has risen twice. With fewer samples than two a fold it returns 1.
    """
    if len(columns) < 2 * N_FOLDS or len(np.unique(columns)) == 1:
        return CrossValidation(1.0)
    folds = np.empty(len(columns), dtype=np.int64)
    folds[np.argsort(columns, kind="stable")] = np.arange(len(columns)) % N_FOLDS
    fits = [LogisticRegression(max_iter=_MAX_STEPS, warm_start=True) for _ in range(N_FOLDS)]
    losses: list[float] = []
    best = CrossValidation(1.0)
    is_known = np.zeros(len(columns), dtype=bool)
    for fold in range(N_FOLDS):
        is_known[folds == fold] = np.isin(columns[folds == fold], columns[folds != fold])
    for strength in INVERSE_REGULARISATIONS:
        logits = np.zeros((len(columns), n_labels))
        for fold, regression in enumerate(fits):
            is_held_out = folds == fold
            logits[is_held_out] = _held_out(
                regression.set_params(C=strength), features, columns, n_labels, is_held_out=is_held_out
            )
        losses.append(-float(log_softmax(logits, axis=1)[np.arange(len(columns)), columns].sum()))
        if losses[-1] == min(losses):
            best = CrossValidation(strength, logits, is_known)
        if losses[-3:] == sorted(losses[-3:]) and len(losses) > 2:
            break
    return best


def _held_out(
    regression: LogisticRegression,
    features: npt.NDArray[np.floating],
    columns: Columns,
    n_labels: int,
    *,
    is_held_out: npt.NDArray[np.bool_],
) -> Values:
    """Fit on the other samples; return the logits of those held out."""
    kept = columns[~is_held_out]
    present = np.unique(kept)
    if len(present) > 1:
        with threadpool_limits(1):
            regression.fit(features[~is_held_out], kept)
    weights, intercepts = _over_all_labels(regression, present, n_labels, features.shape[1])
    return np.asarray(features[is_held_out] @ weights.T + intercepts)


def _over_all_labels(
    regression: LogisticRegression, present: Columns, n_labels: int, n_features: int
) -> tuple[Values, Values]:
    """Return weights and intercepts of all labels from a regression fitted on those that are `present`."""
    weights, intercepts = np.zeros((n_labels, n_features)), np.full(n_labels, ABSENT)
    intercepts[present] = 0.0
    if len(present) == 1:
        return weights, intercepts
    rows, biases = regression.coef_, regression.intercept_
    if len(present) == 2:  # one row of weights for the second label; half of it for each gives the same probs
        rows, biases = np.stack([-rows[0] / 2, rows[0] / 2]), np.array([-biases[0] / 2, biases[0] / 2])
    weights[present], intercepts[present] = rows, biases
    return weights, intercepts
