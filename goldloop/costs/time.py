"""Hours: the time people spent on their answers, with the idle part of it left out.

What a browser reports holds coffee breaks; times beyond each person's fence (`goldloop.annotators.pace`) are
not known to be work, and some answers carry no time at all. Those count as long as such answers usually take,
and the interval is for not knowing how long these took.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from goldloop.annotators.pace import idle_limit_s
from goldloop.core.answers import Answer
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import MIN_N, Measure, exact
from goldloop.stats.metrics import Estimate

Seconds = npt.NDArray[np.float64]
"""Shape (n,), one for each answer; NaN where it is not known how long somebody worked on it."""


def working_seconds(answers: Sequence[Answer]) -> Seconds:
    """Return how long each answer or skip took; an edited one took both sittings together."""
    reported = np.array([one.lead_time_s or np.nan for one in answers], dtype=np.float64)
    reported[~(np.isfinite(reported) & (reported > 0))] = np.nan
    people = np.array([one.annotator for one in answers], dtype=str)
    is_plain = np.array([not (one.is_skip or one.is_edited) for one in answers], dtype=bool)
    for who in np.unique(people):
        mine = people == who
        limit = idle_limit_s(reported[mine & is_plain & np.isfinite(reported)])
        reported[mine & (reported > limit)] = np.nan
    return reported


def minutes_spent(answers: Sequence[Answer], seconds: Seconds, rows: npt.NDArray[np.bool_]) -> Measure:
    """Return the minutes spent on the answers in `rows` (n,), which rests on so many answers.

    An unknown time is taken to be the mean of all known ones with the same purpose, or of all where those are
    too few; unknown where there are fewer than `MIN_N` of any.
    """
    if not rows.any():
        return exact(0.0, 0)
    known = np.isfinite(seconds)
    value, variance = float(seconds[rows & known].sum()), 0.0
    purposes = np.array([one.purpose for one in answers], dtype=str)
    for purpose in np.unique(purposes[rows & ~known]):
        pool = seconds[known & (purposes == purpose)]
        pool = pool if len(pool) >= MIN_N else seconds[known]
        if len(pool) < MIN_N:
            return Measure(int(rows.sum()), None, "too few times reported")
        m = int((rows & ~known & (purposes == purpose)).sum())
        spread = float(t.ppf(0.975, len(pool) - 1) * pool.std(ddof=1))
        value += m * float(pool.mean())
        variance += spread**2 * (m + m**2 / len(pool))
    n, half = int(rows.sum()), sqrt(variance)
    return Measure(n, Estimate(value / 60, max(0.0, value - half) / 60, (value + half) / 60, n))


def times_of(
    answers: Sequence[Answer], seconds: Seconds, purposes: Collection[Purpose], *, is_shown: bool
) -> Seconds:
    """Return the known times of labels given for one of `purposes`, edits left out."""
    rows = [
        one.purpose in purposes and one.is_shown is is_shown and not (one.is_skip or one.is_edited)
        for one in answers
    ]
    chosen = seconds[np.array(rows, dtype=bool)]
    known: Seconds = chosen[np.isfinite(chosen)]
    return known
