"""The guard, asked every week for a year about a policy whose share of errors is known."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.audit.guard import guard
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import wilson

GUARD = "guard"
ALLOWED, WEEKS = 0.05, 52


def guard_rows(repeats: int, seed: int) -> list[dict[str, Any]]:
    """Return how often, and how soon, a year of weekly looks suspends policies of known shares of errors."""
    rows = []
    for a_week in (5, 20):
        looks = [a_week * week for week in range(1, WEEKS + 1)]
        for factor in (0.5, 0.8, 1.0, 1.5, 2.0, 3.0):
            rng = np.random.default_rng((seed, a_week, int(10 * factor)))
            wrong = rng.random((repeats, WEEKS * a_week)) < factor * ALLOWED
            counts = wrong.reshape(repeats, WEEKS, a_week).sum(axis=2).cumsum(axis=1)
            weeks = np.array([_first_suspension(one, a_week) for one in counts])
            naive = [
                any(wilson(k / n, n)[0] > ALLOWED for k, n in zip(one, looks, strict=True))
                for one in counts.tolist()
            ]
            rows.append(
                {
                    "scope": GUARD,
                    "size": a_week,
                    "errors": factor * ALLOWED,
                    "repeats": repeats,
                    "suspended": float((weeks <= WEEKS).mean()),
                    "suspended_by_interval": float(np.mean(naive)),
                    "median_week": float(np.median(weeks)),
                }
            )
    return rows


def _first_suspension(counts: npt.NDArray[np.int_], a_week: int) -> int:
    """Return the first week in which the guard breaks, or one past the last."""
    for week, n_wrong in enumerate(counts.tolist(), start=1):
        if n_wrong > ALLOWED * week * a_week and _is_broken(week * a_week, n_wrong):
            return week
    return WEEKS + 1


@cache
def _is_broken(n: int, n_wrong: int) -> bool:
    accepted = Audited(
        sample_ids=(SampleId(""),) * n,
        truth=np.where(np.arange(n) < n_wrong, 1, 0),
        probs=np.tile([0.9, 0.1], (n, 1)),
        weights=np.ones(n),
        lanes=np.full(n, "auto"),
        rounds=np.zeros(n, dtype=np.intp),
    )
    return guard(accepted, max_error=ALLOWED).is_broken


def guard_table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"Guard, {ALLOWED:.0%} errors allowed, {WEEKS} weekly looks:",
        "",
        "| audits a week | true errors | suspended in the year | median week | by 95 % intervals |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        week = "never" if row["median_week"] > WEEKS else f"{row['median_week']:.0f}"
        lines.append(
            f"| {row['size']} | {row['errors']:.1%} | {row['suspended']:.1%} | {week} | "
            f"{row['suspended_by_interval']:.1%} |"
        )
    return "\n".join(lines)
