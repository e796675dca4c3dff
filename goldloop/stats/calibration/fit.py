"""Fit: the calibration with the least loss on randomly drawn, labelled samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from goldloop.stats.calibration.correction import Calibration
from goldloop.stats.calibration.inputs import Matrix, checked_matrix, checked_truth
from goldloop.stats.metrics import Columns, Weights, checked_weights, effective_sample_size

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
class Fit:
    """A calibration fitted on `n` samples, and the evidence for or against offsets.

    `gain` is the loss without offsets minus the loss with them, in nats a sample on left-out folds, and
    `gain_error` its standard error. Both are None if there were fewer than LEAST_FOR_OFFSETS samples.
    """

    calibration: Calibration
    n: int
    gain: float | None
    gain_error: float | None


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


def fit_offsets(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> Calibration:
    """Return a temperature and offsets, fitted together, even if the offsets do not lower the loss.

    This is bias-corrected temperature scaling [alexandari2020] with a prior of offsets, see OFFSET_SPREAD.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    return _with_offsets(*_checked(logits, columns, weights))


def fit_calibration(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> Fit:
    """Return the temperature of `fit_temperature`, or the temperature and offsets of `fit_offsets`.

    Offsets are kept only if they lower the loss on left-out folds by more than MARGIN standard errors.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    matrix, truth, weight = _checked(logits, columns, weights)
    plain = Calibration(_temperature(matrix, truth, weight))
    if len(truth) < LEAST_FOR_OFFSETS:
        return Fit(plain, len(truth), None, None)
    gain, gain_error = _gain(matrix, truth, weight)
    if gain > MARGIN * gain_error:
        return Fit(_with_offsets(matrix, truth, weight), len(truth), gain, gain_error)
    return Fit(plain, len(truth), gain, gain_error)


def _checked(
    logits: npt.ArrayLike, columns: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Matrix, Columns, Weights]:
    """Return the checked inputs; weights sum to the effective sample size, so that the priors keep theirs."""
    matrix = checked_matrix(logits, "logits")
    truth = checked_truth(columns, matrix)
    weight = checked_weights(weights, len(truth))
    return matrix, truth, weight * (effective_sample_size(weight) / weight.sum())


def _temperature(matrix: Matrix, truth: Columns, weights: Weights) -> float:
    rows = np.arange(len(truth))

    def loss(log_t: float) -> float:
        log_probs = log_softmax(matrix / np.exp(log_t), axis=1)[rows, truth]
        return float(-(weights * log_probs).sum() + log_t**2 / (2 * PRIOR_SPREAD**2))

    low, high = np.log(TEMPERATURE_RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(best.x), *TEMPERATURE_RANGE))


def _with_offsets(matrix: Matrix, truth: Columns, weights: Weights) -> Calibration:
    """Minimise the loss over log T and the offsets; it is smooth and, in 1 / T and the offsets, convex."""
    n_labels = matrix.shape[1]
    hits = np.zeros_like(matrix)
    hits[np.arange(len(truth)), truth] = 1

    def loss(values: Matrix) -> tuple[float, Matrix]:
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


def _gain(matrix: Matrix, truth: Columns, weights: Weights) -> tuple[float, float]:
    """Return `Fit.gain` and `Fit.gain_error`."""
    differences = np.empty(len(truth))
    for fold in range(N_FOLDS):
        left_out = np.arange(len(truth)) % N_FOLDS == fold
        known = (matrix[~left_out], truth[~left_out], weights[~left_out])
        plain, shifted = Calibration(_temperature(*known)), _with_offsets(*known)
        rest, columns = matrix[left_out], truth[left_out]
        differences[left_out] = _log_likelihood(shifted, rest, columns) - _log_likelihood(
            plain, rest, columns
        )
    gain = float(np.average(differences, weights=weights))
    variance = float(np.average((differences - gain) ** 2, weights=weights)) / effective_sample_size(weights)
    return gain, variance**0.5


def _log_likelihood(calibration: Calibration, matrix: Matrix, truth: Columns) -> Matrix:
    """Return the log-probability of each true column, (n,); always finite."""
    shifted = matrix / calibration.temperature + np.array(calibration.offsets or 0.0)
    logarithms: Matrix = log_softmax(shifted, axis=1)[np.arange(len(truth)), truth]
    return logarithms
