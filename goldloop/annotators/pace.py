"""Pace: how long decisions take, and how many answers come of an hour and of a day.

The browser reports the seconds since the task was on the screen: coffee included, and after an edit both
sittings. Edited answers and skips are left out; so are times beyond Tukey's outer fence, three interquartile
ranges above the upper quartile [tukey1977], taken on the log scale as decision times are skewed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.answers import Answer
from goldloop.stats.measures import MIN_N, Measure, mean, measured, median

_FENCE = 3.0  # interquartile ranges: Tukey's "far out"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast somebody answers.

    `decision_s` is the median, `quartiles_s` the first and third quartile of decision times in seconds, None
    with too few of them. `per_hour` is answers an hour of deciding, breaks and loading left out; `per_day`
    is answers on a day (UTC) with any. Of the answers with a label `n_idle` took too long to be decisions,
    `n_edited` were changed later and `n_untimed` carry no time; none of them counts for the times.
    """

    decision_s: Measure
    quartiles_s: tuple[float, float] | None
    per_hour: Measure
    per_day: Measure
    n_idle: int
    n_edited: int
    n_untimed: int


def pace(answers: Sequence[Answer]) -> Pace:
    """Return the pace of one person's `answers`."""
    given = [one for one in answers if not one.is_skip]
    unedited = [one for one in given if not one.is_edited]
    times = np.array([one.lead_time_s for one in unedited if one.lead_time_s], dtype=np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    kept = times[times <= idle_limit_s(times)]
    days = Counter(one.created_at.date() for one in given)
    return Pace(
        decision_s=median(kept),
        quartiles_s=_quartiles(kept),
        per_hour=_per_hour(kept),
        per_day=mean(list(days.values())),
        n_idle=len(times) - len(kept),
        n_edited=len(given) - len(unedited),
        n_untimed=len(unedited) - len(times),
    )


def idle_limit_s(times: npt.NDArray[np.float64]) -> float:
    """Return the seconds above which a time holds a break; infinity with too few `times` (n,) to tell."""
    if len(times) < MIN_N:
        return float("inf")
    low, high = np.quantile(np.log(times), [0.25, 0.75])
    return float(np.exp(high + _FENCE * (high - low))) + 1e-9  # equal times are no breaks


def _quartiles(times: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    if len(times) < MIN_N:
        return None
    low, high = np.quantile(times, [0.25, 0.75])
    return float(low), float(high)


def _per_hour(times: npt.NDArray[np.float64]) -> Measure:
    seconds = mean(times).estimate
    if seconds is None:
        return Measure(len(times), None)
    return measured(3600 / seconds.value, 3600 / seconds.high, 3600 / seconds.low, n=seconds.n)
