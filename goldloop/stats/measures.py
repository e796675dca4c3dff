"""Measures: estimates that may be missing, with a reason, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, t

from goldloop.stats.metrics import Estimate, wilson

TOO_FEW = "too few"
MIN_N = 10
"""Fewest cases of an estimate: the 95 % interval of a share of 5 cases would be 60 points wide."""


@dataclass(frozen=True, slots=True)
class Measure:
    """An estimate from `n` cases; `estimate` is None where there is none, and `missing` says why."""

    n: int
    estimate: Estimate | None
    missing: str = TOO_FEW

    def __str__(self) -> str:
        """Return the estimate as `Estimate` prints it, or for example 'too few, n=3'."""
        return f"{self.missing}, n={self.n}" if self.estimate is None else str(self.estimate)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: those of the estimate, or `n` and `missing`."""
        return asdict(self.estimate) if self.estimate else {"n": self.n, "missing": self.missing}


def measured(value: float, low: float, high: float, *, n: int) -> Measure:
    """Return `value` with its interval, widened to hold `value`; too few if `n` is below `MIN_N`."""
    if n < MIN_N:
        return Measure(n, None)
    return Measure(n, Estimate(value, min(low, value), max(high, value), n))


def share(n_hits: int, n: int) -> Measure:
    """Return `n_hits` / `n` with its score interval [wilson1927]."""
    if n < MIN_N:
        return Measure(n, None)
    return measured(n_hits / n, *wilson(n_hits / n, n), n=n)


def median(values: npt.ArrayLike) -> Measure:
    """Return the median of `values` (n,) with a distribution-free interval [conover1999].

    The ends of the interval are two of the values. Their ranks enclose the median with a probability of at
    least 95 %.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n < MIN_N:
        return Measure(n, None)
    below = max(int(binom.ppf(0.025, n, 0.5)), 1)
    return measured(float(np.median(ordered)), float(ordered[below - 1]), float(ordered[n - below]), n=n)


def mean(values: npt.ArrayLike) -> Measure:
    """Return the mean of positive `values` (n,) with Student's interval on the log scale.

    On the log scale both ends are positive, and the interval of 1 / mean is 1 / the interval of the mean.
    """
    numbers = np.asarray(values, dtype=np.float64)
    n = len(numbers)
    if n < MIN_N:
        return Measure(n, None)
    centre = float(numbers.mean())
    half = float(t.ppf(0.975, n - 1) * numbers.std(ddof=1) / sqrt(n) / centre)
    return measured(centre, exp(log(centre) - half), exp(log(centre) + half), n=n)


def exact(value: float, n: int = 1) -> Measure:
    """Return a counted or assumed `value` over `n` cases; its interval has zero width."""
    return Measure(n, Estimate(value, value, value, max(n, 1)))


def scaled(measure: Measure, factor: float) -> Measure:
    """Return `factor` times `measure`; a negative factor swaps the ends of the interval."""
    estimate = measure.estimate
    if estimate is None:
        return measure
    low, high = sorted((factor * estimate.low, factor * estimate.high))
    return Measure(measure.n, Estimate(factor * estimate.value, low, high, estimate.n))


def total(parts: Sequence[Measure]) -> Measure:
    """Return the sum of independent `parts` (at least one), from their intervals [zou2008].

    If a part is missing, return that part. `n` is the smallest n among the parts whose interval has a width.
    """
    estimates = []
    for part in parts:
        if part.estimate is None:
            return part
        estimates.append(part.estimate)
    value = sum(estimate.value for estimate in estimates)
    low = value - sqrt(sum((estimate.value - estimate.low) ** 2 for estimate in estimates))
    high = value + sqrt(sum((estimate.high - estimate.value) ** 2 for estimate in estimates))
    uncertain = (estimate.n for estimate in estimates if estimate.low < estimate.high)
    n = min(uncertain, default=max(estimate.n for estimate in estimates))
    return Measure(n, Estimate(value, low, high, n))


def difference(left: Measure, right: Measure) -> Measure:
    """Return `left` minus `right`, which are independent, from their intervals [newcombe1998] [zou2008].

    If one is missing, return that one.
    """
    return total([left, scaled(right, -1)])


def product(count: Measure, price: Measure) -> Measure:
    """Return `count` times `price`, both independent and at least 0; the interval is of first order."""
    n, each = count.estimate, price.estimate
    if n is None or each is None:
        return count if n is None else price
    value = n.value * each.value
    low = value - sqrt((each.value * (n.value - n.low)) ** 2 + (n.value * (each.value - each.low)) ** 2)
    high = value + sqrt((each.value * (n.high - n.value)) ** 2 + (n.value * (each.high - each.value)) ** 2)
    return Measure(count.n, Estimate(value, max(0.0, low), high, n.n))
