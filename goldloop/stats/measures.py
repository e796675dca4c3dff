"""Measures: estimates with their 95 % intervals, or the plain words that too little speaks for one."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, t

from goldloop.stats.metrics import Estimate, wilson

TOO_FEW = "too few"
MIN_N = 10
"""Answers below which no number is given: the 95 % interval of a share of 5 would be 60 points wide."""


@dataclass(frozen=True, slots=True)
class Measure:
    """An estimate resting on `n` cases; None with the reason in `missing` where there is none to give."""

    n: int
    estimate: Estimate | None
    missing: str = TOO_FEW

    def __str__(self) -> str:
        """Return the estimate as metrics print it, or for example 'too few, n=3'."""
        return f"{self.missing}, n={self.n}" if self.estimate is None else str(self.estimate)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them; value, low and high only where there is an estimate."""
        if self.estimate is None:
            return {"n": self.n, "missing": self.missing}
        return dict(self.estimate.to_dict())


def measured(value: float, low: float, high: float, *, n: int) -> Measure:
    """Return the measure of a `value` inside its interval, widened to hold it; too few below `MIN_N`."""
    if n < MIN_N:
        return Measure(n, None)
    return Measure(n, Estimate(value, min(low, value), max(high, value), n))


def share(n_hits: int, n: int) -> Measure:
    """Return the share of `n_hits` among `n` with its score interval [wilson1927]."""
    if n < MIN_N:
        return Measure(n, None)
    return measured(n_hits / n, *wilson(n_hits / n, n), n=n)


def median(values: npt.ArrayLike) -> Measure:
    """Return the median of `values` (n,); its interval lies between two of them [conover1999].

    The two are the ranks between which the median falls with at least 95 % probability, whatever the
    distribution.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n < MIN_N:
        return Measure(n, None)
    below = max(int(binom.ppf(0.025, n, 0.5)), 1)
    return measured(float(np.median(ordered)), float(ordered[below - 1]), float(ordered[n - below]), n=n)


def mean(values: npt.ArrayLike) -> Measure:
    """Return the mean of positive `values` (n,) with Student's interval, taken on the log scale.

    On that scale no bound falls below zero, and the interval of 1 / mean is 1 / that of the mean.
    """
    there = np.asarray(values, dtype=np.float64)
    n = len(there)
    if n < MIN_N:
        return Measure(n, None)
    centre = float(there.mean())
    half = float(t.ppf(0.975, n - 1) * there.std(ddof=1) / sqrt(n) / centre)
    return measured(centre, exp(log(centre) - half), exp(log(centre) + half), n=n)


def difference(newer: Measure, older: Measure) -> Measure:
    """Return `newer` minus `older`, which share no case, from the intervals of both [newcombe1998]."""
    n = min(newer.n, older.n)
    if newer.estimate is None or older.estimate is None:
        return Measure(n, None)
    one, other = newer.estimate, older.estimate
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return measured(value, low, high, n=n)
