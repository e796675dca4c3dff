"""A share of all traffic from a random draw of it, with the model's confidence as control variate.

What people say of the draw is unbiased but scattered; what the model says of all traffic is exact but may be
biased. The draw measures that bias, and what is left to chance is only where the model surprises.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from goldloop.core.errors import EmptyPoolError
from goldloop.stats.metrics import PRIOR_SURPRISES, Estimate, Weights, checked_weights, wilson, worth

Floats = npt.NDArray[np.float64]

TRUST = 20.0
"""Audits that the belief in a calibrated model, so in a slope of 1, is worth before any is seen."""


def share_of_traffic(
    hits: npt.ArrayLike,
    confidence: Floats,
    traffic: Floats,
    *,
    weights: npt.ArrayLike | None = None,
) -> Estimate:
    """Return the share of hits in the traffic that `hits`, bool (n,), were drawn from.

    `confidence` (n,) is the probability that the model gave each hit, `traffic` (N,) that of all samples, the
    drawn ones included. `weights` are inverse inclusion probabilities, of which only ratios count.

    The value is the generalised regression estimator [sarndal1992] with a slope tuned to least variance
    [angelopoulos2023]. Its linearised variance says how many plain random audits the draw is `worth`; the
    interval is Wilson's for that number, with Student's quantile, as few errors tell little about their own
    scatter. A draw that leaves little of the traffic out is as sure as that makes it.

    Raises:
        EmptyPoolError: there are no entries.
    """
    right = np.asarray(hits, dtype=np.float64)
    n = right.size
    if n == 0:
        raise EmptyPoolError("0 audits give no estimate; label some audit samples and pull first")
    checked_w = checked_weights(weights, n)
    parts = checked_w / checked_w.sum()
    spread = parts**2 * _left_out(parts, len(traffic))
    plain, sure, mean = float(parts @ right), float(parts @ confidence), float(traffic.mean())
    slope = _slope(confidence - sure, right - plain, spread, variance=float(traffic.var()))
    value = min(1.0, max(0.0, plain + slope * (mean - sure)))
    pulls = spread * np.square(right - plain - slope * (confidence - sure))
    is_mixed = 0 < right.sum() < n  # else the hits tell nothing about their own scatter
    n_effective, surprises = worth(
        pulls,
        variance=plain * (1 - plain) if is_mixed else 0.0,
        expected=_expected_effect(confidence, spread, mean),
    )
    z = float(student.ppf(0.975, surprises + 2 * PRIOR_SURPRISES))
    return Estimate(value, *wilson(value, n_effective, z=z), n=n)


def _left_out(parts: Weights, n_traffic: int) -> Floats:
    """Return 1 - inclusion probability of each sample, the weights scaled to add up to the traffic."""
    return np.asarray(1 - np.minimum(1.0, 1 / (parts * max(n_traffic, len(parts)))))


def _slope(sure: Floats, right: Floats, spread: Floats, *, variance: float) -> float:
    """Return the slope of `right` on `sure`, both centred, of least variance, drawn to 1 by TRUST audits.

    These count with the `variance` of all traffic: a draw may by chance hold nothing the model is unsure of.
    """
    trust = TRUST * float(spread.mean()) * variance
    scatter = float(spread @ sure**2) + trust
    return (float(spread @ (sure * right)) + trust) / scatter if scatter > 0 else 1.0


def _expected_effect(confidence: Floats, spread: Floats, mean_confidence: float) -> float:
    """Return the design effect that there would be if the model were exactly as sure as it should be."""
    sure, mean = (np.clip(one, 1e-4, 1 - 1e-4) for one in (confidence, mean_confidence))
    return float(len(confidence) * (spread @ (sure * (1 - sure))) / (mean * (1 - mean)))
