"""Pace: how long decisions take, and the number of answers an hour and a day.

The browser reports the seconds since the task appeared on the screen. That includes breaks, and after an edit
both sittings. Edited answers and skips are excluded; so are times beyond Tukey's outer fence, three
interquartile ranges above the upper quartile [tukey1977], on the log scale because decision times are skewed.
No time beyond an hour is a decision, however few times there are: `decision_limit_s` is the one rule for
paces, hours and costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.annotations import Answer
from goldloop.stats.measures import MIN_N, Measure, mean, measured, median

MAX_DECISION_S = 3600.0
"""Longest time for one decision, in seconds; the longest of 33,728 simulated answers takes 2,041 s."""

_FENCE = 3.0  # interquartile ranges: Tukey's "far out"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an annotator answers.

    `decision_s` is the median, `quartiles_s` the first and third quartile of decision times in seconds, None
    with fewer than MIN_N of them. `per_hour` is the number of answers in an hour of deciding, without breaks
    and loading; `per_day` is the number of answers on a day (UTC) with any. Of the answers with a label,
    `n_idle` took longer than the idle limit, `n_edited` were changed later and `n_untimed` carry no time; the
    times exclude all three.
    """

    decision_s: Measure
    quartiles_s: tuple[float, float] | None
    per_hour: Measure
    per_day: Measure
    n_idle: int
    n_edited: int
    n_untimed: int


def pace(answers: Sequence[Answer]) -> Pace:
    """Return the pace of one annotator's `answers`."""
    given = [answer for answer in answers if not answer.is_skip]
    unedited = [answer for answer in given if not answer.is_edited]
    times = np.array([answer.lead_time_s for answer in unedited if answer.lead_time_s], dtype=np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    kept = times[times <= decision_limit_s(times)]
    days = Counter(answer.created_at.date() for answer in given)
    return Pace(
        decision_s=median(kept),
        quartiles_s=_quartiles(kept),
        per_hour=_per_hour(kept),
        per_day=mean(list(days.values())),
        n_idle=len(times) - len(kept),
        n_edited=len(given) - len(unedited),
        n_untimed=len(unedited) - len(times),
    )


def decision_limit_s(times: npt.NDArray[np.float64]) -> float:
    """Return the seconds above which a time is no decision, given the `times` (n,) of one annotator."""
    return min(MAX_DECISION_S, idle_limit_s(times[times <= MAX_DECISION_S]))


def idle_limit_s(times: npt.NDArray[np.float64]) -> float:
    """Return the seconds above which a time includes a break; infinity with fewer than MIN_N `times` (n,)."""
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
