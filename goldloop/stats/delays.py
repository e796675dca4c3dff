"""Delays of reports: how late they come, from those that have come, and what a record without one weighs.

Of the frauds of last week only those are known that were reported within a week. A mean of known delays, or
their shares, are therefore too small: a delay is *right-truncated* by the time for which its record has been
watched. The reverse-time product-limit estimator [lyndenbell1971] [lagakos1988] takes that into account: it
asks, of the records watched for at least s days and reported by then, how many were reported on day s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.stats.measures import Measure, measured

Floats = npt.NDArray[np.float64]

FEWEST_AT_RISK = 20
"""Reports by day s among records watched for s days: with fewer, what is said of day s decides all before."""

FEWEST_REPORTS = 30
"""Fewest reports of an estimate: its error is then about 9 points at the median."""

MATURE_SHARE = 0.95
"""A record is mature when this share of what will be reported of records like it has been reported."""

DAY_S = 86_400.0
"""Seconds of a day."""

_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Delays:
    """The distribution of delays, estimated from `n` reports.

    `shares` (n_days,) of all reports come within `days` (n_days,), ascending, which are those that occurred.
    All are shares of the reports that come within `window` days, the longest that enough records were
    watched for; later ones nobody can know of yet.
    """

    days: Floats
    shares: Floats
    window: float
    n: int

    def share_by(self, ages: npt.ArrayLike) -> Floats:
        """Return the share of all reports that come by `ages` in days, same shape; 1 from the window on."""
        places = np.searchsorted(self.days, np.asarray(ages, dtype=np.float64), side="right")
        return np.concatenate([[0.0], self.shares])[places]

    def quantile(self, share: float) -> float:
        """Return within how many days at least `share` of all reports come."""
        place = int(np.searchsorted(self.shares, share - 1e-12))
        return float(self.days[min(place, len(self.days) - 1)])

    @property
    def mature_age(self) -> float:
        """From how many days on a record is mature."""
        return self.quantile(MATURE_SHARE)

    def reported_share(self, ages: npt.ArrayLike) -> float:
        """Return which share of the reports about records of `ages` (n,) has come, if all ages are as risky.

        The reports so far over this share are how many there will be within the window. Counting each as
        1 / share_by(age) would need no such assumption, and one report of the first day would count hundreds.
        """
        return float(np.mean(self.share_by(ages)))

    def genuine_weights(self, ages: npt.ArrayLike, fraud_shares: npt.ArrayLike) -> Floats:
        """Return what a record without a report weighs as a genuine one, in [0, 1], beside 1 for a report.

        Of records of `ages` days, a fraction `fraud_shares` p of which are frauds that will be reported, a
        share p F is reported by then and 1 - p F is not, with F = `share_by(ages)`. With the weight
        F (1 - p) / (1 - p F) the odds of a report are p / (1 - p) at every age, as they are in truth: what
        is too young to tell anything weighs nothing. It is the probability that a record without a report
        is genuine [chapelle2014], times the F by which reports of its age are thinned.
        """
        share, fraud = self.share_by(ages), np.asarray(fraud_shares, dtype=np.float64)
        return np.asarray(share * (1 - fraud) / (1 - fraud * share))


def estimate_delays(delays: npt.ArrayLike, watched: npt.ArrayLike) -> Delays | None:
    """Return the distribution of delays; None where there are too few.

    `delays` (n,) are the days from a record to the report of it, `watched` (n,) the days for which the record
    has been watched, which are at least as many. Records that are not reported are not needed: the result
    is conditional on a report [lagakos1988].

    Raises:
        ValueError: a delay is negative, not finite, or longer than its record was watched.
    """
    took, seen = (np.asarray(values, dtype=np.float64) for values in (delays, watched))
    if not (np.isfinite(took).all() and (took >= 0).all() and (took <= seen).all()):
        raise ValueError("delays must be finite, at least 0 and at most the time watched")
    if len(took) < FEWEST_REPORTS:
        return None
    at_risk = _at_risk(np.sort(took), took, seen)
    enough = np.flatnonzero(at_risk >= FEWEST_AT_RISK)
    if not len(enough):
        return None
    window = float(np.sort(took)[enough[-1]])
    took, seen = took[took <= window], seen[took <= window]
    days, reported = np.unique(took, return_counts=True)
    at_risk = _at_risk(days, took, seen)
    remains = 1 - reported / at_risk
    remains[(remains <= 0) & (days > days[0])] = 1.0  # nobody was reported earlier: this day tells nothing
    shares = np.append(np.cumprod(remains[:0:-1])[::-1], 1.0)
    return Delays(days, shares, window, len(took))


def _at_risk(days: Floats, delays: Floats, watched: Floats) -> Floats:
    """Return, for each of `days`, how many records were reported by then and watched at least as long."""
    by_then = np.searchsorted(np.sort(delays), days, side="right")
    no_longer = np.searchsorted(np.sort(watched), days, side="left")  # watched for less, so reported before
    return np.asarray(by_then - no_longer, dtype=np.float64)


def median_delay(delays: npt.ArrayLike, watched: npt.ArrayLike, *, seed: int = 0) -> Measure:
    """Return the median of the delays in days, with the 95 % interval of a percentile bootstrap."""
    took, seen = (np.asarray(values, dtype=np.float64) for values in (delays, watched))
    found = estimate_delays(took, seen)
    if found is None:
        return Measure(len(took), None)
    rng, medians = np.random.default_rng(seed), []
    for _ in range(_RESAMPLES):
        rows = rng.integers(len(took), size=len(took))
        again = estimate_delays(took[rows], seen[rows])
        if again is not None:
            medians.append(again.quantile(0.5))
    low, high = np.quantile(medians or [found.quantile(0.5)], [0.025, 0.975])
    return measured(found.quantile(0.5), float(low), float(high), n=found.n)
