"""Calibration: one temperature that makes confidence mean what it says, and how well it does so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from goldloop.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.metrics import Estimate, checked_columns, checked_weights, effective_n, share_estimate

TEMPERATURE_RANGE = (0.05, 20.0)
"""No network needs more; what reaches an end has logits of an odd scale."""

PRIOR_SPREAD = 1.0
"""Standard deviation of log T before any evidence, around T = 1.

A handful of validation samples that are all right would otherwise call for T = 0, and every later
confidence would be 1.00. Worth less than one sample; from 100 samples on T moves by under 2 %.
"""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The samples whose confidence lies in [low, high); the last bin includes 1."""

    low: float
    high: float
    mean_confidence: float
    accuracy: Estimate
    weight_share: float

    @property
    def n(self) -> int:
        """Number of samples in the bin."""
        return self.accuracy.n


def _checked_matrix(values: npt.ArrayLike, what: str) -> npt.NDArray[np.float64]:
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


def _checked_truth(columns: npt.ArrayLike, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    n, n_labels = matrix.shape
    if n == 0:
        raise EmptyPoolError(
            "0 samples say nothing about calibration; label some audit samples and pull first"
        )
    checked = checked_columns(columns, n_labels=n_labels)
    if checked.shape != (n,):
        raise LabelError(f"there are {len(checked)} columns for {n} rows; give one label for each row")
    return checked


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
    matrix = _checked_matrix(logits, "logits")
    truth = _checked_truth(columns, matrix)
    scaled = checked_weights(weights, len(truth))
    scaled = scaled * (effective_n(scaled) / scaled.sum())
    rows = np.arange(len(truth))

    def loss(log_t: float) -> float:
        log_probs = log_softmax(matrix / np.exp(log_t), axis=1)[rows, truth]
        return float(-(scaled * log_probs).sum() + log_t**2 / (2 * PRIOR_SPREAD**2))

    low, high = np.log(TEMPERATURE_RANGE)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(best.x), *TEMPERATURE_RANGE))


def calibrated(logits: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """Return probs (n, n_labels), rows summing to 1; the order of the labels in a row never changes.

    Raises:
        InvalidProbabilitiesError: logits that are not finite, or a temperature that is not positive.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise InvalidProbabilitiesError(
            f"temperature must be a positive number, got {temperature}; fit it again"
        )
    probs: npt.NDArray[np.float64] = softmax(_checked_matrix(logits, "logits") / temperature, axis=1)
    return probs


def reliability_bins(
    probs: npt.ArrayLike, columns: npt.ArrayLike, *, n_bins: int = 15, weights: npt.ArrayLike | None = None
) -> tuple[ReliabilityBin, ...]:
    """Return the non-empty ones of `n_bins` equally wide bins of confidence, lowest first.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    matrix = _checked_matrix(probs, "probs")
    truth = _checked_truth(columns, matrix)
    checked_w = checked_weights(weights, len(truth))
    confidence = matrix.max(axis=1)
    hits = matrix.argmax(axis=1) == truth
    edges = np.arange(n_bins + 1) / n_bins  # linspace would put 3/5 just above 0.6
    of_bin = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, n_bins - 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            mean_confidence=float(np.average(confidence[inside], weights=checked_w[inside])),
            accuracy=share_estimate(hits[inside], weights=checked_w[inside]),
            weight_share=float(checked_w[inside].sum() / checked_w.sum()),
        )
        for b in np.unique(of_bin)
        for inside in [of_bin == b]
    )


def expected_calibration_error(
    probs: npt.ArrayLike, columns: npt.ArrayLike, *, n_bins: int = 15, weights: npt.ArrayLike | None = None
) -> float:
    """Return the mean gap between confidence and accuracy over the bins, weighted by their size [naeini2015].

    In [0, 1]. It is positive for a perfectly calibrated model too, by chance alone, and more so the fewer
    samples there are (like sqrt(n_bins / n)): compare it only between models judged on the same samples.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `fit_temperature`.
    """
    bins = reliability_bins(probs, columns, n_bins=n_bins, weights=weights)
    return float(sum(one.weight_share * abs(one.mean_confidence - one.accuracy.value) for one in bins))
