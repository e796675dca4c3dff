"""Reliability: the gap between confidence and accuracy, by bin and on average, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from goldloop.stats.calibration import checked_matrix, checked_truth
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.metrics import (
    Z_95,
    Estimate,
    Floats,
    checked_weights,
    effective_sample_size,
    share_estimate,
)

N_BINS = 15
"""Equally wide bins of confidence."""

_HIDDEN = 0.3
"""Share of a bin's noise variance that `calibration_error` adds to the squared gap of the bin.

Measured by `python -m scripts.bench.guarantees --part calibration` and on simulated gaps.
With 0 the upper end of the interval is too low if every bin has a small gap; with 1 the lower end is too
high if only one bin has a gap.
"""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The samples with a confidence in [low, high); the last bin includes 1.

    `weight_share` is the bin's share of the sum of weights, `n_effective` Kish's effective sample size, less
    where samples belong together.
    """

    low: float
    high: float
    mean_confidence: float
    accuracy: Estimate
    weight_share: float
    n_effective: float


def reliability_bins(
    probs: npt.ArrayLike,
    columns: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> tuple[ReliabilityBin, ...]:
    """Return the non-empty bins of confidence, lowest first.

    `probs` is (n, n_labels), `columns` (n,) the true labels, `weights` (n,) inverse inclusion probabilities,
    `clusters` (n,) what samples belong to.

    Raises:
        EmptyPoolError: there are no samples.
        InvalidProbabilitiesError: probs or weights have a wrong shape or are not finite; names the row.
        LabelError: a column is outside the label set.
    """
    matrix = checked_matrix(probs, "probs")
    truth = checked_truth(columns, matrix)
    checked_w = checked_weights(weights, len(truth))
    confidence = matrix.max(axis=1)
    hits = matrix.argmax(axis=1) == truth
    together = np.arange(len(truth)) if clusters is None else np.asarray(clusters)
    edges = np.arange(N_BINS + 1) / N_BINS  # linspace would put 3/5 just above 0.6
    of_bin = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, N_BINS - 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            mean_confidence=float(np.average(confidence[inside], weights=checked_w[inside])),
            accuracy=share_estimate(hits[inside], weights=checked_w[inside], clusters=together[inside]),
            weight_share=float(checked_w[inside].sum() / checked_w.sum()),
            n_effective=effective_sample_size(checked_w[inside])
            / cluster_effect(hits[inside] - confidence[inside], checked_w[inside], together[inside]),
        )
        for b in np.unique(of_bin)
        for inside in [of_bin == b]
    )


def calibration_error(
    probs: npt.ArrayLike,
    columns: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Estimate:
    """Return the mean gap between confidence and accuracy over bins [naeini2015], with a 95 % interval.

    The observed error is biased upwards, more so with fewer samples [kumar2019]. The correction takes the
    part of each bin's gap beyond noise, and scales these parts by one common factor. The value uses the
    factor at which the mean of the observed error, a sum of folded normal variables [leone1961], equals the
    observed error. The ends of the interval use the factors at which the observed error is the 97.5th and the
    2.5th percentile. For a calibrated model the interval starts at 0.

    A model that is right on 3 of 4 samples but always 90 % sure has an error of 0.15:

    >>> print(calibration_error([[0.9, 0.1]] * 400, [0, 0, 0, 1] * 100))
    0.150 [0.11, 0.19], n=400

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `reliability_bins`.
    """
    bins = reliability_bins(probs, columns, weights=weights, clusters=clusters)
    shares = np.array([part.weight_share for part in bins])
    n_effective = np.array([part.n_effective for part in bins])
    confidence = np.array([part.mean_confidence for part in bins])
    gaps = np.array([part.accuracy.value for part in bins]) - confidence
    noise = confidence * (1 - confidence) / n_effective + 1 / (4 * n_effective**2)
    shape = np.sqrt(np.maximum(gaps**2 - noise, 0) + _HIDDEN * noise)
    signs = np.where(gaps > 0, 1.0, -1.0)
    observed = float(shares @ np.abs(gaps))

    def expected(scale: float, z: float) -> float:
        accuracy = np.clip(confidence + signs * scale * shape, 0, 1)
        variances = np.maximum(accuracy * (1 - accuracy), confidence * (1 - confidence)) / n_effective
        means, spread = _folded(scale * shape, np.sqrt(variances))
        return float(shares @ means + z * np.sqrt(shares**2 @ spread))

    def error(z: float) -> float:
        return min(1.0, _scale(lambda scale: expected(scale, z), observed) * float(shares @ shape))

    value, low, high = error(0.0), error(Z_95), error(-Z_95)
    return Estimate(value, min(low, value), max(high, value), n=sum(part.accuracy.n for part in bins))


def _folded(means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the folded normal distribution [leone1961]."""
    deviations = np.maximum(deviations, 1e-12)
    ratio = means / deviations
    folded = deviations * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + means * (1 - 2 * ndtr(-ratio))
    return folded, np.maximum(means**2 + deviations**2 - folded**2, 0)


def _scale(expected: Callable[[float], float], observed: float) -> float:
    """Return the scale, 0 or more, at which the `expected` error equals the `observed` one."""
    if expected(0.0) >= observed:
        return 0.0
    high = 1.0
    while expected(high) < observed:
        high *= 2
    return float(brentq(lambda scale: expected(scale) - observed, 0.0, high, xtol=1e-9))
