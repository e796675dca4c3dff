"""Totals: the sum of an amount over a population, from a model's expectation and a random draw with truth.

Frauds are rare and their amounts heavy-tailed: a mean of 1,600 audits rests on the ten that are frauds. The
model's expected amount of every sample is known, so that the draw need only measure how far it is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from goldloop.stats.clusters import cluster_effect
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import Estimate

Floats = npt.NDArray[np.float64]

PRIOR_DEGREES = 8.0
"""Weight of the model's own variance beside that of the draw, in degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of a population, and the samples drawn from it.

    Of each drawn sample, (n,): `residuals`, what it came to minus what was expected; `parts`, how many
    samples it stands for; `left`, 1 minus its inclusion probability; `clusters`, what it belongs to. If the
    model is right, the sum of the residuals of the part has the variance `foreseen`, estimated from the draw,
    and `unexplained`, which no draw shows; `spread` is the variance of the draw's estimate of `foreseen`.
    """

    residuals: Floats
    parts: Floats
    left: Floats
    clusters: npt.NDArray[np.str_]
    foreseen: float
    spread: float
    unexplained: float = 0.0

    @property
    def correction(self) -> float:
        """Return the estimated sum of the residuals of the part."""
        return float(self.parts @ self.residuals)

    @property
    def deviations(self) -> Floats:
        """Return the residuals of the draw minus their mean, (n,)."""
        return self.residuals - self.correction / max(float(self.parts.sum()), 1e-12)

    @property
    def seen(self) -> float:
        """Return the variance of `correction` that the draw shows."""
        n = len(self.residuals)
        return float((self.parts**2 * self.left) @ self.deviations**2) * n / max(n - 1, 1)


def total_of(expected: float, strata: Sequence[Stratum], *, most: float) -> Measure:
    """Return a sum over a population of amounts of at least 0, which come to at most `most` in all.

    The model expects the sum `expected`; there are too few with less than `MIN_N` drawn. The value is the
    difference estimator [sarndal1992]. Its variance joins the one that the draw shows and the one that the
    model expects, by the degrees of freedom that the model expects of the first [satterthwaite1946]: few
    errors alone do not show their variance. The interval is the score interval of a sum whose variance grows
    with it, as Poisson's does, with Student's quantile: it reaches further up than down.
    """
    n = sum(len(one.residuals) for one in strata)
    if n < MIN_N:
        return Measure(n, None, "too few audits")
    value = expected + sum(one.correction for one in strata)
    seen, foreseen, degrees = _variances(strata)
    base = degrees * max(value, 0.0) + PRIOR_DEGREES * expected
    slope = (degrees * seen + PRIOR_DEGREES * foreseen) / base if base > 0 else 0.0
    slope += sum(one.unexplained for one in strata) / expected if expected > 0 else 0.0
    low, high = _score(value, slope, float(student.ppf(0.975, degrees + PRIOR_DEGREES)))
    value = min(max(value, 0.0), most)
    return Measure(n, Estimate(value, max(0.0, min(low, value)), min(most, max(high, value)), n))


def _variances(strata: Sequence[Stratum]) -> tuple[float, float, float]:
    """Return the variance by the draws, by the model, and the degrees of freedom of the first."""
    deviations = np.concatenate([one.deviations for one in strata])
    parts = np.concatenate([one.parts for one in strata])
    effect = cluster_effect(deviations, parts, np.concatenate([one.clusters for one in strata]))
    seen, foreseen = sum(one.seen for one in strata), sum(one.foreseen for one in strata)
    spread = sum(one.spread for one in strata)
    degrees = 2 * foreseen**2 / spread if spread > 0 else 0.0
    return effect * seen, effect * foreseen, degrees / effect


def _score(value: float, slope: float, z: float) -> tuple[float, float]:
    """Return the sums T for which `value` lies within z standard deviations, sqrt(slope T) each."""
    middle = value + z**2 * slope / 2
    half = z * sqrt(max(0.0, slope * value + z**2 * slope**2 / 4))
    return middle - half, middle + half
