"""Pace: how long decisions take, and the number of answers an hour and a day.

The browser reports the seconds since the task appeared on the screen. That includes breaks, and after an edit
both sittings. Edited answers and skips are excluded; so are times beyond Tukey's outer fence, three
interquartile ranges above the upper quartile [tukey1977], on the log scale because decision times are skewed.
No time beyond an hour is a decision, however few times there are: `decision_limit_s` is the one rule for
paces, hours and costs. The browser's word is not proof: a time that begins before the annotator's answer
before it is not counted either (`overlapping`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
import numpy.typing as npt

from goldloop.core.annotations import Answer
from goldloop.stats.measures import MIN_N, Measure, mean, measured, median

MAX_DECISION_S = 3600.0
"""Longest time for one decision, in seconds; the longest of 33,728 simulated answers takes 2,041 s."""

MAX_OVERLAP_S = 60.0
"""Seconds by which a time may begin before the answer before it: two pages at once, or a resumed draft."""

_FENCE = 3.0  # interquartile ranges: Tukey's "far out"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an annotator answers.

    `decision_s` is the median, `quartiles_s` the first and third quartile of decision times in seconds, None
    with fewer than MIN_N of them. `per_hour` is the number of answers in an hour of deciding, without breaks
    and loading; `per_day` is the number of answers on a day (UTC) with any. Of the answers with a label,
    `n_idle` took longer than the idle limit or than since the answer before, `n_edited` were changed later
    and `n_untimed` carry no time; the times exclude all three.
    """

    decision_s: Measure
    quartiles_s: tuple[float, float] | None
    per_hour: Measure
    per_day: Measure
    n_idle: int
    n_edited: int
    n_untimed: int


def pace(answers: Sequence[Answer]) -> Pace:
    """Return the pace of one annotator's `answers`, without those on sheets, which are given together."""
    given = [answer for answer in answers if not (answer.is_skip or answer.purpose.is_on_sheet)]
    unedited = [answer for answer in given if not answer.is_edited]
    is_double = dict(zip((answer.annotation_id for answer in answers), overlapping(answers), strict=True))
    timed = [answer for answer in unedited if isfinite(time_s := answer.lead_time_s or 0) and time_s > 0]
    times = np.array([it.lead_time_s for it in timed if not is_double[it.annotation_id]], dtype=np.float64)
    kept = times[times <= decision_limit_s(times)]
    days = Counter(answer.created_at.date() for answer in given)
    return Pace(
        decision_s=median(kept),
        quartiles_s=_quartiles(kept),
        per_hour=_per_hour(kept),
        per_day=mean(list(days.values())),
        n_idle=len(timed) - len(kept),
        n_edited=len(given) - len(unedited),
        n_untimed=len(unedited) - len(timed),
    )


def overlapping(answers: Sequence[Answer]) -> npt.NDArray[np.bool_]:
    """Return which answers (n,) took longer than since the same annotator's answer before, by their word."""
    is_double = np.zeros(len(answers), dtype=bool)
    given = [(one.annotator, one.created_at, one.annotation_id, row) for row, one in enumerate(answers)]
    for (who, before, _, _), (same, moment, _, row) in pairwise(sorted(given)):
        passed_s = (moment - before).total_seconds() if who == same else float("inf")
        is_double[row] = (answers[row].lead_time_s or 0) > passed_s + MAX_OVERLAP_S
    return is_double


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
