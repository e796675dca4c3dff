"""The guard, asked every week for a year about a policy whose share of errors is known."""

from __future__ import annotations

import argparse
from functools import cache

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.audit.guard import guard
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import wilson
from scripts.bench.common import Report

ALLOWED, WEEKS = 0.05, 52
A_WEEK = (5, 20)  # audits
FACTORS = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)  # the true share of errors, as a multiple of what is allowed

Counts = npt.NDArray[np.intp]


def run(report: Report, options: argparse.Namespace) -> None:
    """Report how often and when a policy is suspended, by the guard and by a 95 % interval each week."""
    for a_week in A_WEEK:
        for factor in FACTORS:
            counts = wrong_counts(a_week, factor * ALLOWED, n=options.n, seed=options.seed)
            weeks = weeks_until_suspended(counts, a_week)
            what = f"guard/{a_week} audits a week/{factor * ALLOWED:.1%} wrong, {ALLOWED:.0%} allowed"
            report.share(f"{what}/suspended in the year", weeks <= WEEKS)
            report.share(f"{what}/by 95 % intervals", [_is_below(row, a_week) for row in counts])
            report.add(f"{what}/median week", float(np.median(weeks)), "", n=options.n)


def wrong_counts(a_week: int, share: float, *, n: int, seed: int) -> Counts:
    """Return the errors seen by the end of each week, (n, WEEKS), where a `share` of audits is wrong."""
    rng = np.random.default_rng((seed, a_week, int(1000 * share)))
    return rng.binomial(a_week, share, (n, WEEKS)).cumsum(axis=1)


def weeks_until_suspended(counts: Counts, a_week: int) -> Counts:
    """Return the first week (n,) in which the guard suspends, one past the last where it never does."""
    return np.array([_first_week(row, a_week) for row in counts], dtype=np.intp)


def _first_week(counts: Counts, a_week: int) -> int:
    for week, n_wrong in enumerate(counts.tolist(), start=1):
        if n_wrong > ALLOWED * week * a_week and _is_broken(week * a_week, n_wrong):
            return week
    return WEEKS + 1


def _is_below(counts: Counts, a_week: int) -> bool:
    """Return whether an ordinary interval ever rules out the allowed share."""
    looks = enumerate(counts.tolist(), start=1)
    return any(wilson(k / (week * a_week), week * a_week)[0] > ALLOWED for week, k in looks)


@cache
def _is_broken(n: int, n_wrong: int) -> bool:
    accepted = Audited(
        sample_ids=tuple(SampleId(str(row)) for row in range(n)),
        truth=np.where(np.arange(n) < n_wrong, 1, 0),
        probs=np.tile([0.9, 0.1], (n, 1)),
        weights=np.ones(n),
        lanes=np.full(n, "auto"),
        rounds=np.zeros(n, dtype=np.intp),
    )
    return guard(accepted, max_error=ALLOWED).is_broken
