"""Working time: the time annotators spent on their answers, without idle time.

The times that a browser reports include breaks. Times beyond an annotator's limit
(`goldloop.annotators.pace.decision_limit_s`), and times that overlap the answer before, count as unknown;
some answers carry no time at all. An unknown time is replaced by the mean of answers of its kind, and the
interval accounts for that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from goldloop.annotators.pace import decision_limit_s, overlapping
from goldloop.core.annotations import Answer
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import MIN_N, Measure, exact
from goldloop.stats.metrics import Estimate

Seconds = npt.NDArray[np.float64]
"""Shape (n,), one for each answer; NaN where the working time is unknown."""


def working_seconds(answers: Sequence[Answer]) -> Seconds:
    """Return how long each answer or skip took; for an edited answer both sittings together."""
    reported = np.array([answer.lead_time_s or np.nan for answer in answers], dtype=np.float64)
    reported[~(np.isfinite(reported) & (reported > 0)) | overlapping(answers)] = np.nan
    people = np.array([answer.annotator for answer in answers], dtype=str)
    is_plain = np.array([not (answer.is_skip or answer.is_edited) for answer in answers], dtype=bool)
    for who in np.unique(people):
        mine = people == who
        limit = decision_limit_s(reported[mine & is_plain & np.isfinite(reported)])
        reported[mine & (reported > limit)] = np.nan
    return reported


def minutes_spent(answers: Sequence[Answer], seconds: Seconds, rows: npt.NDArray[np.bool_]) -> Measure:
    """Return the minutes spent on the answers in `rows` (n,); its n counts these answers.

    An unknown time is replaced by the mean of the known times with the same purpose, or of all known times
    where those are fewer than `MIN_N`. The result is unknown where there are fewer than `MIN_N` in all.
    """
    if not rows.any():
        return exact(0.0, 0)
    known = np.isfinite(seconds)
    value, variance = float(seconds[rows & known].sum()), 0.0
    purposes = np.array([answer.purpose for answer in answers], dtype=str)
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
        answer.purpose in purposes
        and answer.is_shown is is_shown
        and not (answer.is_skip or answer.is_edited)
        for answer in answers
    ]
    chosen = seconds[np.array(rows, dtype=bool)]
    known: Seconds = chosen[np.isfinite(chosen)]
    return known
