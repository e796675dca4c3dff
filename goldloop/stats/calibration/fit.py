"""Fitting: the calibration that explains randomly drawn labels best."""

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
"""No network needs more; what reaches an end has logits of an odd scale."""

PRIOR_SPREAD = 1.0
"""Standard deviation of log T before any evidence, around T = 1.

A handful of validation samples that are all right would otherwise call for T = 0, and every later
confidence would be 1.00. Worth less than one sample; from 100 samples on T moves by under 2 %.
"""

OFFSET_SPREAD = 0.35
"""Standard deviation of an offset before any evidence; 0.25 is best with 50 samples, 0.5 with 400."""

LEAST_FOR_OFFSETS = 50
"""Fewest samples that offsets are tried on."""

N_FOLDS = 10
MARGIN = 1.0
"""Standard errors by which offsets have to lower the loss on labels they were not fitted on."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A calibration and why it has offsets or none; the losses are in nats a sample, on left-out folds.

    `gain` is how much less the loss is with offsets than without, `gain_error` its standard error; both None
    where there were too few samples to try.
    """

    calibration: Calibration
    n: int
    gain: float | None
    gain_error: float | None


def fit_temperature(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> float:
    """Return the temperature in [0.05, 20] under which `logits` (n, n_labels) explain `columns` (n,) best.

    Least negative log-likelihood [guo2017] plus a weak log-normal prior around 1, see PRIOR_SPREAD. Weights
    are inverse inclusion probabilities. The samples must be drawn at random: what was chosen for its
    confidence cannot tell whether confidence is right.

    Raises:
        EmptyPoolError: no samples.
        InvalidProbabilitiesError: logits or weights of a wrong shape or not finite; names the first bad row.
        LabelError: a column outside the label set.
    """
    matrix = checked_matrix(logits, "logits")
    truth = checked_truth(columns, matrix)
    return _temperature(matrix, truth, _scaled(checked_weights(weights, len(truth))))


def fit_offsets(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> Calibration:
    """Return temperature and offsets together, whether the offsets pay or not.

    Bias-corrected temperature scaling [alexandari2020], with offsets drawn towards 0, see OFFSET_SPREAD.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    matrix = checked_matrix(logits, "logits")
    truth = checked_truth(columns, matrix)
    return _with_offsets(matrix, truth, _scaled(checked_weights(weights, len(truth))))


def fit_calibration(
    logits: npt.ArrayLike, columns: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> Fit:
    """Return the temperature, and offsets where they pay, that explain `columns` (n,) best.

    Offsets (`fit_offsets`) are kept only where they lower the loss of left-out folds by MARGIN standard
    errors. The rest is as in `fit_temperature`.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    matrix = checked_matrix(logits, "logits")
    truth = checked_truth(columns, matrix)
    weight = _scaled(checked_weights(weights, len(truth)))
    plain = Calibration(_temperature(matrix, truth, weight))
    if len(truth) < LEAST_FOR_OFFSETS:
        return Fit(plain, len(truth), None, None)
    gain, gain_error = _gain(matrix, truth, weight)
    if gain > MARGIN * gain_error:
        return Fit(_with_offsets(matrix, truth, weight), len(truth), gain, gain_error)
    return Fit(plain, len(truth), gain, gain_error)


def _scaled(weights: Weights) -> Weights:
    """Weights that sum to the effective number of samples, which is what priors are weighed against."""
    scaled: Weights = weights * (effective_sample_size(weights) / weights.sum())
    return scaled


def _temperature(matrix: Matrix, truth: Columns, weights: Weights) -> float:
    rows = np.arange(len(truth))

    def loss(log_t: float) -> float:
        log_probs = log_softmax(matrix / np.exp(log_t), axis=1)[rows, truth]
        return float(-(weights * log_probs).sum() + log_t**2 / (2 * PRIOR_SPREAD**2))

    low, high = np.log(TEMPERATURE_RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(best.x), *TEMPERATURE_RANGE))


def _with_offsets(matrix: Matrix, truth: Columns, weights: Weights) -> Calibration:
    """Least loss over log T and the offsets together; smooth and, in 1 / T and the offsets, convex."""
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
    """Loss without offsets minus loss with them on left-out folds, nats a sample, and its standard error."""
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
    """Return the logarithm of the probability of each true column, (n,), finite however small it is."""
    shifted = matrix / calibration.temperature + np.array(calibration.offsets or 0.0)
    logarithms: Matrix = log_softmax(shifted, axis=1)[np.arange(len(truth)), truth]
    return logarithms
