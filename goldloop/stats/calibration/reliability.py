"""Reliability: how far confidence and accuracy lie apart, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from goldloop.core.errors import EmptyPoolError
from goldloop.stats.calibration.inputs import checked_matrix, checked_truth
from goldloop.stats.metrics import Z_95, Estimate, checked_weights, effective_sample_size, share_estimate

Values = npt.NDArray[np.float64]

_HIDDEN = 0.3
"""Share of a bin's noise that is taken for its gap before any is seen there.

Measured by scripts/bench/guarantees/calibration.py and on made-up gaps: with 0 the upper end is too low where
gaps are small and everywhere, with 1 the lower end too high where one bin alone has a gap.
"""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The samples whose confidence lies in [low, high); the last bin includes 1."""

    low: float
    high: float
    mean_confidence: float
    accuracy: Estimate
    weight_share: float
    n_effective: float

    @property
    def n(self) -> int:
        """Number of samples in the bin."""
        return self.accuracy.n


def reliability_bins(
    probs: npt.ArrayLike, columns: npt.ArrayLike, *, n_bins: int = 15, weights: npt.ArrayLike | None = None
) -> tuple[ReliabilityBin, ...]:
    """Return the non-empty ones of `n_bins` equally wide bins of confidence, lowest first.

    `weights` (n,) are inverse inclusion probabilities.

    Raises:
        EmptyPoolError: no samples.
        InvalidProbabilitiesError: probs or weights of a wrong shape or not finite; names the first bad row.
        LabelError: a column outside the label set.
    """
    matrix = checked_matrix(probs, "probs")
    truth = checked_truth(columns, matrix)
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
            n_effective=effective_sample_size(checked_w[inside]),
        )
        for b in np.unique(of_bin)
        for inside in [of_bin == b]
    )


def calibration_error(
    probs: npt.ArrayLike, columns: npt.ArrayLike, *, n_bins: int = 15, weights: npt.ArrayLike | None = None
) -> Estimate:
    """Return the expected calibration error with what chance adds to it taken off; see `error_of_bins`.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `reliability_bins`.
    """
    return error_of_bins(reliability_bins(probs, columns, n_bins=n_bins, weights=weights))


def error_of_bins(bins: Sequence[ReliabilityBin]) -> Estimate:
    """Return the mean gap between confidence and accuracy over `bins` [naeini2015], with a 95 % interval.

    What one sees (`expected_calibration_error`) is more than what is there, by chance alone, the more so the
    fewer samples [kumar2019]. So what each bin shows beyond its noise is scaled, all bins together, until
    chance and it would show on average what was seen: that is the value. Where what was seen would be the
    97.5th or the 2.5th percentile are the ends of the interval; right confidence gives one from 0.

    Raises:
        EmptyPoolError: no bins.
    """
    if not bins:
        raise EmptyPoolError(
            "0 samples say nothing about calibration; label some audit samples and pull first"
        )
    shares = np.array([one.weight_share for one in bins])
    n_effective = np.array([one.n_effective for one in bins])
    confidence = np.array([one.mean_confidence for one in bins])
    gaps = np.array([one.accuracy.value for one in bins]) - confidence
    noise = confidence * (1 - confidence) / n_effective + 1 / (4 * n_effective**2)
    shape = np.sqrt(np.maximum(gaps**2 - noise, 0) + _HIDDEN * noise)
    signs = np.where(gaps > 0, 1.0, -1.0)
    seen = float(shares @ np.abs(gaps))

    def shown(scale: float, z: float) -> float:
        accuracy = np.clip(confidence + signs * scale * shape, 0, 1)
        variances = np.maximum(accuracy * (1 - accuracy), confidence * (1 - confidence)) / n_effective
        means, spread = _folded(scale * shape, np.sqrt(variances))
        return float(shares @ means + z * np.sqrt(shares**2 @ spread))

    def error(z: float) -> float:
        return min(1.0, _scale(lambda scale: shown(scale, z), seen) * float(shares @ shape))

    value, low, high = error(0.0), error(Z_95), error(-Z_95)
    return Estimate(value, min(low, value), max(high, value), n=sum(one.n for one in bins))


def _folded(means: Values, deviations: Values) -> tuple[Values, Values]:
    """Mean and variance of the absolute value of normal numbers [leone1961]."""
    deviations = np.maximum(deviations, 1e-12)
    ratio = means / deviations
    folded = deviations * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + means * (1 - 2 * ndtr(-ratio))
    return folded, np.maximum(means**2 + deviations**2 - folded**2, 0)


def _scale(shown: Callable[[float], float], seen: float) -> float:
    """Return the scale, 0 or more, at which the gaps would show what was seen."""
    if shown(0.0) >= seen:
        return 0.0
    high = 1.0
    while shown(high) < seen:
        high *= 2
    return float(brentq(lambda scale: shown(scale) - seen, 0.0, high, xtol=1e-9))


def expected_calibration_error(
    probs: npt.ArrayLike, columns: npt.ArrayLike, *, n_bins: int = 15, weights: npt.ArrayLike | None = None
) -> float:
    """Return the mean gap between confidence and accuracy over the bins, weighted by their size [naeini2015].

    In [0, 1]. It is positive for a perfectly calibrated model too, by chance alone, and more so the fewer
    samples there are (like sqrt(n_bins / n)): compare it only between models judged on the same samples, or
    take `calibration_error`.

    Raises:
        EmptyPoolError, InvalidProbabilitiesError, LabelError: as `reliability_bins`.
    """
    bins = reliability_bins(probs, columns, n_bins=n_bins, weights=weights)
    return float(sum(one.weight_share * abs(one.mean_confidence - one.accuracy.value) for one in bins))
