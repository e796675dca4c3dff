"""Calibration: one temperature for all labels and, optionally, one offset for each, fitted to labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.stats.metrics import (
    Columns,
    Floats,
    Weights,
    checked_columns,
    checked_weights,
    effective_sample_size,
)

TEMPERATURE_RANGE = (0.05, 20.0)
"""Bounds of a fitted temperature; a network that reaches one has logits of an unusual scale."""

PRIOR_SPREAD = 1.0
"""Standard deviation of the log-normal prior of T around 1.

Without it, a few validation samples that are all right would give T = 0 and confidences of 1.00. The prior
weighs less than one sample; with 100 samples or more it changes T by less than 2 %.
"""

OFFSET_SPREAD = 0.35
"""Standard deviation of the prior of an offset; 0.25 is best with 50 samples, 0.5 with 400."""

LEAST_FOR_OFFSETS = 50
"""Fewest samples for which offsets are tried."""

N_FOLDS = 10
MARGIN = 1.0
"""Standard errors by which offsets must lower the loss on left-out folds."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns logits into probs: softmax(logits / temperature + offsets) [guo2017] [alexandari2020].

    `offsets` has one number for each label, in label-set order, or is empty. Without offsets, calibration
    never changes the predicted label.

    >>> Calibration(temperature=2.0).apply([[4.0, 0.0]]).round(3)
    array([[0.881, 0.119]])
    """

    temperature: float = 1.0
    offsets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidProbabilitiesError(
                f"temperature must be a positive number, got {self.temperature}; fit the calibration again"
            )
        if not all(math.isfinite(offset) for offset in self.offsets):
            raise InvalidProbabilitiesError(
                f"offsets must be finite, got {self.offsets}; fit the calibration again"
            )

    def shifted(self, shift: Floats) -> Calibration:
        """Return the calibration that makes of logits what this one makes of those with `shift` added."""
        offsets = np.array(self.offsets or np.zeros(len(shift))) + shift / self.temperature
        return Calibration(self.temperature, tuple((offsets - offsets.mean()).tolist()))

    def apply(self, logits: npt.ArrayLike) -> Floats:
        """Return the probs of `logits` (n, n_labels); each row sums to 1.

        Raises:
            InvalidProbabilitiesError: a logit is not finite, or the number of labels differs.
        """
        matrix = checked_matrix(logits, "logits")
        if self.offsets and len(self.offsets) != matrix.shape[1]:
            raise InvalidProbabilitiesError(
                f"there are {len(self.offsets)} offsets for {matrix.shape[1]} labels; "
                "fit the calibration again"
            )
        return np.asarray(softmax(matrix / self.temperature + np.array(self.offsets or 0.0), axis=1))


def checked_matrix(values: npt.ArrayLike, what: str) -> Floats:
    """Return `values` as finite float64 (n, at least 2 labels); error messages call them `what`.

    Raises:
        InvalidProbabilitiesError: the shape is wrong, or a row is not finite; names the first.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise InvalidProbabilitiesError(f"{what} need shape (n, at least 2 labels), got {matrix.shape}")
    bad = ~np.isfinite(matrix).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidProbabilitiesError(
            f"{what} of row {row} are not finite: {matrix[row].tolist()}; check the model"
        )
    return matrix


def checked_truth(columns: npt.ArrayLike, matrix: Floats) -> Columns:
    """Return the true columns (n,) of the rows of `matrix`.

    Raises:
        EmptyPoolError: `matrix` has no rows.
        LabelError: a column is outside the label set, or their number is not that of the rows.
    """
    n, n_labels = matrix.shape
    if n == 0:
        raise EmptyPoolError(
            "cannot calibrate with 0 samples; label some audit samples, then run `goldloop pull`"
        )
    checked = checked_columns(columns, n_labels=n_labels)
    if checked.shape != (n,):
        raise LabelError(f"there are {len(checked)} columns for {n} rows; pass one label for each row")
    return checked


def fit_temperature(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> float:
    """Return the temperature in [0.05, 20] with the least loss for `logits` (n, n_labels), `columns` (n,).

    The loss is the negative log-likelihood [guo2017] plus a weak prior, see PRIOR_SPREAD. `weights` (n,) are
    inverse inclusion probabilities. The samples must be drawn at random: samples selected by confidence give
    a biased temperature.

    An overconfident model, sure at odds of 55 to 1 but right on 3 of 4 samples, is cooled down:

    >>> round(fit_temperature([[4.0, 0.0]] * 100, [0, 0, 0, 1] * 25), 2)
    3.46

    Raises:
        EmptyPoolError: there are no samples.
        InvalidProbabilitiesError: logits or weights have a wrong shape or are not finite; names the row.
        LabelError: a column is outside the label set.
    """
    return _temperature(*_checked(logits, columns, weights))


def fit_calibration(
    logits: npt.ArrayLike,
    columns: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    learnt: npt.ArrayLike | None = None,
) -> Calibration:
    """Return the temperature of `fit_temperature`, or a temperature and offsets, fitted together.

    Offsets [alexandari2020] have a prior, see OFFSET_SPREAD. They are kept only if they lower the loss on
    left-out folds by more than MARGIN standard errors. `learnt` (m,) are the columns of what the model
    learnt from: where a label was rarer or more frequent there than it is by the weights, the prior is around
    the offsets that account for that [saerens2002], if these lower the loss on left-out folds.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    matrix, truth, weight = _checked(logits, columns, weights)
    if learnt is not None:
        shift = _share_shift(truth, weight, np.asarray(learnt, dtype=np.intp), matrix.shape[1])
        if _does_shift_pay(matrix, shift, truth, weight):
            return _fitted(matrix + shift, truth, weight).shifted(shift)
    return _fitted(matrix, truth, weight)


def _fitted(matrix: Floats, truth: Columns, weight: Weights) -> Calibration:
    if len(truth) >= LEAST_FOR_OFFSETS and _do_offsets_pay(matrix, truth, weight):
        return _with_offsets(matrix, truth, weight)
    return Calibration(_temperature(matrix, truth, weight))


def _share_shift(truth: Columns, weights: Weights, learnt: Columns, n_labels: int) -> Floats:
    """Return the log of each label's share by the weights over its share of `learnt`, half a sample added."""
    now = np.bincount(truth, weights, minlength=n_labels) + 0.5
    then = np.bincount(learnt, minlength=n_labels) + 0.5
    shift = np.log(now / now.sum()) - np.log(then / then.sum())
    return np.asarray(shift - shift.mean())


def _does_shift_pay(matrix: Floats, shift: Floats, truth: Columns, weights: Weights) -> bool:
    """Return whether a model whose logits are shifted has the lower loss on left-out folds."""
    plain, shifted = _left_out(matrix, truth, weights), _left_out(matrix + shift, truth, weights)
    return bool((weights * (shifted - plain)).sum() > 0)


def _left_out(matrix: Floats, truth: Columns, weights: Weights) -> Floats:
    """Return the log-probability of each true column (n,) by a temperature that was fitted without it."""
    found = np.empty(len(truth))
    for fold in range(N_FOLDS):
        is_out = np.arange(len(truth)) % N_FOLDS == fold
        if is_out.any() and not is_out.all():
            fitted = Calibration(_temperature(matrix[~is_out], truth[~is_out], weights[~is_out]))
            found[is_out] = _log_likelihood(fitted, matrix[is_out], truth[is_out])
    return found


def _checked(
    logits: npt.ArrayLike, columns: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Columns, Weights]:
    """Return the checked inputs; weights sum to the effective sample size, so that the priors keep theirs."""
    matrix = checked_matrix(logits, "logits")
    truth = checked_truth(columns, matrix)
    weight = checked_weights(weights, len(truth))
    return matrix, truth, weight * (effective_sample_size(weight) / weight.sum())


def _temperature(matrix: Floats, truth: Columns, weights: Weights) -> float:
    rows = np.arange(len(truth))

    def loss(log_t: float) -> float:
        log_probs = log_softmax(matrix / np.exp(log_t), axis=1)[rows, truth]
        return float(-(weights * log_probs).sum() + log_t**2 / (2 * PRIOR_SPREAD**2))

    low, high = np.log(TEMPERATURE_RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(best.x), *TEMPERATURE_RANGE))


def _with_offsets(matrix: Floats, truth: Columns, weights: Weights) -> Calibration:
    """Minimise the loss over log T and the offsets; it is smooth and, in 1 / T and the offsets, convex."""
    n_labels = matrix.shape[1]
    hits = np.zeros_like(matrix)
    hits[np.arange(len(truth)), truth] = 1

    def loss(values: Floats) -> tuple[float, Floats]:
        log_t, offsets = values[0], values[1:]
        scaled = matrix / np.exp(log_t)
        log_probs = log_softmax(scaled + offsets, axis=1)
        residual = weights[:, None] * (np.exp(log_probs) - hits)
        gradient = np.concatenate([[-(residual * scaled).sum()], residual.sum(axis=0)])
        gradient += values / np.array([PRIOR_SPREAD**2] + [OFFSET_SPREAD**2] * n_labels)
        prior = log_t**2 / (2 * PRIOR_SPREAD**2) + (offsets**2).sum() / (2 * OFFSET_SPREAD**2)
        return float(-(weights[:, None] * hits * log_probs).sum() + prior), gradient

    start = np.concatenate([[np.log(_temperature(matrix, truth, weights))], np.zeros(n_labels)])
    bounds = [tuple(np.log(TEMPERATURE_RANGE))] + [(None, None)] * n_labels
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    temperature = float(np.clip(np.exp(best[0]), *TEMPERATURE_RANGE))
    return Calibration(temperature, tuple((best[1:] - best[1:].mean()).tolist()))


def _do_offsets_pay(matrix: Floats, truth: Columns, weights: Weights) -> bool:
    """Return whether offsets lower the loss on left-out folds by more than MARGIN standard errors."""
    differences = np.empty(len(truth))
    for fold in range(N_FOLDS):
        left_out = np.arange(len(truth)) % N_FOLDS == fold
        known = (matrix[~left_out], truth[~left_out], weights[~left_out])
        plain, shifted = (
            _log_likelihood(calibration, matrix[left_out], truth[left_out])
            for calibration in (Calibration(_temperature(*known)), _with_offsets(*known))
        )
        differences[left_out] = shifted - plain
    gain = float(np.average(differences, weights=weights))
    variance = float(np.average((differences - gain) ** 2, weights=weights)) / effective_sample_size(weights)
    return bool(gain > MARGIN * variance**0.5)


def _log_likelihood(calibration: Calibration, matrix: Floats, truth: Columns) -> Floats:
    """Return the log-probability of each true column, (n,); always finite."""
    shifted = matrix / calibration.temperature + np.array(calibration.offsets or 0.0)
    return np.asarray(log_softmax(shifted, axis=1)[np.arange(len(truth)), truth])
