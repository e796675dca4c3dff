"""Sheets: what people overlook is estimated without bias, and careless people soon get no more of them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from goldloop.sheets.overlooking import missed_share
from goldloop.sheets.switch import FALSE_SWITCH_OFF
from goldloop.stats.metrics import Estimate
from goldloop.stats.sequential import evidence_above
from scripts.bench.common import Report

MAX_MISSED = 0.15
MOST = 2_000  # planted errors that one person meets
ENOUGH = 200  # planted errors within which careless people are to lose sheets
MISSED = (0.05, 0.10, 0.15, 0.25, 0.30, 0.40)


@dataclass(frozen=True, slots=True)
class Plan:
    """`n_pictures` on sheets with so many wrong suggestions, planted errors, and twins of unclicked pictures.

    People miss the share `missed` of planted errors, and `hardness` times as many of the model's own.
    """

    name: str
    missed: float
    n_pictures: int = 3000
    wrong: float = 0.05
    planted: float = 0.05
    twins: float = 0.10
    hardness: float = 1.0


PLANS = (
    Plan("5 % missed", 0.05),
    Plan("10 % missed", 0.10),
    Plan("20 % missed", 0.20),
    Plan("10 % missed, 1,000 pictures", 0.10, n_pictures=1000),
    Plan("10 % missed, 10,000 pictures", 0.10, n_pictures=10_000),
    Plan("10 % missed, 10,000 pictures, a fifth twins", 0.10, 10_000, twins=0.2),
    Plan("10 % missed, twice as many of the model's own, 10,000 pictures", 0.10, 10_000, hardness=2.0),
)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report bias and coverage of each plan, and when people who miss a known share lose sheets."""
    for plan in PLANS:
        for kind in ("planted", "own", "both"):
            if kind == "both" and plan.hardness != 1:
                continue
            found = estimates(plan, kind, n=options.n, seed=options.seed)
            what, true = f"sheets/{plan.name}/{kind}", true_share(plan, kind)
            report.mean(f"{what}/bias", [one.value - true for one in found], "")
            report.share(f"{what}/coverage", [one.low <= true <= one.high for one in found])
    for missed in MISSED:
        at = planted_until_off(missed, n=options.n, seed=options.seed)
        what = f"sheets/{missed:.0%} missed, {MAX_MISSED:.0%} allowed"
        report.share(f"{what}/off within {MOST} planted errors", at <= MOST)
        report.share(f"{what}/off within {ENOUGH} planted errors", at <= ENOUGH)
        if missed > MAX_MISSED:
            report.add(f"{what}/median planted errors", float(np.median(at)), "", n=options.n)


def true_share(plan: Plan, kind: str) -> float:
    """Return the share that people miss of the errors of a kind."""
    return plan.missed * (plan.hardness if kind == "own" else 1.0)


def estimates(plan: Plan, kind: str, *, n: int, seed: int) -> list[Estimate]:
    """Return the estimates of n repeats, from the errors of a `kind`: planted, own, or both."""
    rng = np.random.default_rng((seed, int(1000 * plan.missed), plan.n_pictures))
    found = []
    for _ in range(n):
        missed, probabilities = [], []
        if kind != "own":
            planted = rng.random(rng.binomial(plan.n_pictures, plan.planted)) < plan.missed
            missed.append(planted)
            probabilities.append(np.ones(len(planted)))
        if kind != "planted":
            own = rng.random(rng.binomial(plan.n_pictures, plan.wrong)) < true_share(plan, "own")
            own = own[~own | (rng.random(len(own)) < plan.twins)]
            missed.append(own)
            probabilities.append(np.full(len(own), plan.twins))
        found.append(missed_share(np.concatenate(missed), np.concatenate(probabilities)))
    return found


def planted_until_off(missed: float, *, n: int, seed: int) -> npt.NDArray[np.intp]:
    """Return after how many planted errors (n,) a person loses sheets, MOST + 1 where that never happens.

    goldloop looks after every single one, the worst case.
    """
    rng = np.random.default_rng((seed, int(1000 * missed)))
    counts = (rng.random((n, MOST)) < missed).cumsum(axis=1)
    limits = np.array([fewest_missed(seen) for seen in range(1, MOST + 1)])
    is_off = counts >= limits
    return np.where(is_off.any(axis=1), is_off.argmax(axis=1) + 1, MOST + 1)


@cache
def fewest_missed(n: int) -> int:
    """Return the fewest missed of `n` planted errors that switch sheets off; n + 1 where none do."""
    low = 0 if n == 1 else fewest_missed(n - 1)  # it never falls as n grows
    while low <= n and evidence_above(low, n, MAX_MISSED) < 1 / FALSE_SWITCH_OFF:
        low += 1
    return low
