"""The target policy over resamples: how often the accepted miss the target, and how much is accepted.

Audits are drawn with replacement from a population whose true labels are known, so that what a threshold
really accepts is known too. The oracle accepts the most that any threshold can at the target.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import say
from _peers import run_peers
from scipy.stats import binom

from goldloop.audit.designs import audit_probabilities, usual_unsureness
from goldloop.routing.certificate import certify
from goldloop.routing.sequences import most_errors
from goldloop.stats.metrics import wilson

TARGETS = (0.95, 0.98, 0.99)
SIZES = (500, 1000, 2000)
DELTA = 0.05
WORDS = {
    "goldloop": "goldloop, uniform audits",
    "goldloop_poisson": "goldloop, Poisson audits",
    "steps": "exact binomial, fixed sequence in steps of 5 % (starting point)",
    "mapie_default": "MAPIE 1.6, default (Bonferroni-Holm)",
    "mapie_fixed_sequence": "MAPIE 1.6, fixed sequence",
    "naive": "naive threshold",
    "ceiling": "ceiling of any exact test on uniform audits",
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Population:
    """Samples in order of falling confidence, with what any threshold accepts of them."""

    def __init__(self, probs: Floats, truth: npt.NDArray[np.intp]) -> None:
        """Sort the samples."""
        order = np.argsort(-probs.max(axis=1), kind="stable")
        self.probs, self.sure = probs[order], probs.max(axis=1)[order]
        self.right = probs.argmax(axis=1)[order] == truth[order]
        self.risks = np.cumsum(~self.right) / np.arange(1, len(self.right) + 1)

    def accepted(self, threshold: float | None) -> tuple[float, float]:
        """Return the share that is accepted from `threshold` on, and the share of errors in it."""
        n = 0 if threshold is None else int((self.sure >= threshold).sum())
        return n / len(self.sure), float(self.risks[n - 1]) if n else 0.0

    def oracle(self, target: float) -> float:
        """Return the largest share that any threshold accepts at the target."""
        return float((np.flatnonzero(self.risks <= 1 - target).max(initial=-1) + 1) / len(self.sure))


def goldloop(sure: Floats, right: Flags, target: float) -> float | None:
    """Return goldloop's threshold."""
    return certify(sure, right, accuracy=target, delta=DELTA).threshold


def steps(sure: Floats, right: Flags, target: float) -> float | None:
    """Begin at 0.6 of the coverage that confidence predicts and widen in steps of 5 % of the audits."""
    order = np.argsort(-sure)
    ordered, n_wrong, n = sure[order], np.cumsum(~right[order]), len(sure)
    predicted = np.flatnonzero(np.cumsum(1 - ordered) / np.arange(1, n + 1) <= 1 - target)
    if not len(predicted):
        return None
    sizes = np.arange(max(int(0.6 * (predicted.max() + 1)), 1), n + 1, n // 20)
    passed = n_wrong[sizes - 1] <= most_errors(sizes, risk=1 - target, delta=DELTA)
    n_passed = len(sizes) if passed.all() else int(np.argmin(passed))
    return float(ordered[sizes[n_passed - 1] - 1]) if n_passed else None


def naive(sure: Floats, right: Flags, target: float) -> float | None:
    """Take the lowest threshold above which the audits' accuracy is the target."""
    order = np.argsort(-sure)
    good = np.flatnonzero(np.cumsum(right[order]) / np.arange(1, len(sure) + 1) >= target)
    return float(sure[order][good.max()]) if len(good) else None


METHODS: dict[str, Callable[[Floats, Flags, float], float | None]] = {
    "goldloop": goldloop,
    "steps": steps,
    "naive": naive,
}


def run(
    probs: Floats, truth: npt.NDArray[np.intp], *, repeats: int, seed: int, with_peers: bool = True
) -> list[dict[str, Any]]:
    """Return a row for each target, number of audits and method, over `repeats` resamples of audits.

    `probs` (N, n_labels), calibrated on other samples, and `truth` (N,) are the population.
    """
    population = Population(probs, truth)
    rows, drawn = [], {}
    for target in TARGETS:
        for n in SIZES:
            rng = np.random.default_rng((seed, n))
            picks = rng.integers(0, len(truth), (repeats, n))
            sure, right = population.sure[picks], population.right[picks]
            drawn[f"{target}-{n}"] = sure, right, target
            found = {
                name: [method(*one, target) for one in zip(sure, right, strict=True)]
                for name, method in METHODS.items()
            }
            found["goldloop_poisson"] = _by_poisson(population, target, n, repeats, rng)
            rows += [_row(population, name, target, n, thresholds) for name, thresholds in found.items()]
            rows.append(_ceiling(population, target, n))
            say(f"  target {target:.0%}, {n} audits: done")
    if with_peers:
        rows += _peers(population, drawn)
    return rows


def _by_poisson(
    population: Population, target: float, n: int, repeats: int, rng: np.random.Generator
) -> list[float | None]:
    """Return thresholds from Poisson audits, about `n` each time, thinned to equal probabilities."""
    rate = n / len(population.sure)
    usual = usual_unsureness(population.probs, audit_rate=rate)
    chances = audit_probabilities(population.probs, audit_rate=rate, design="poisson", usual=usual)
    thinned = np.full(len(chances), chances.min())
    picks = [np.flatnonzero(rng.random(len(thinned)) < thinned) for _ in range(repeats)]
    return [goldloop(population.sure[one], population.right[one], target) for one in picks]


def _row(
    population: Population, method: str, target: float, n: int, thresholds: list[float | None]
) -> dict[str, Any]:
    accepted, risks = np.array([population.accepted(one) for one in thresholds]).T
    ratio, repeats = accepted / population.oracle(target), len(thresholds)
    missed = float((risks > 1 - target).mean())
    half = 1.96 * ratio.std(ddof=1) / repeats**0.5
    low, high = wilson(missed, repeats)
    return {
        "target": target,
        "n_audits": n,
        "method": method,
        "repeats": repeats,
        "oracle": population.oracle(target),
        "coverage": float(accepted.mean()),
        "of_oracle": float(ratio.mean()),
        "of_oracle_low": float(ratio.mean() - half),
        "of_oracle_high": float(ratio.mean() + half),
        "missed": missed,
        "missed_low": low,
        "missed_high": high,
        "accepts_nothing": float((accepted == 0).mean()),
    }


def _ceiling(population: Population, target: float, n: int) -> dict[str, Any]:
    """Return what the most powerful test of each size alone accepts, as if it were known where to test.

    The binomial test, randomised to have size DELTA exactly, is the most powerful of those that look at the
    number of errors; no procedure that keeps the guarantee by counting them accepts more on average.
    """
    n_all = len(population.sure)
    places = np.arange(0, n_all, max(1, n_all // 2000))
    sizes = np.round((places + 1) / n_all * n).astype(np.intp)
    risks, risk = population.risks[places], 1 - target
    most = most_errors(sizes, risk=risk, delta=DELTA)
    rest = (DELTA - binom.cdf(most, sizes, risk)) / np.maximum(binom.pmf(most + 1, sizes, risk), 1e-300)
    power = binom.cdf(most, sizes, risks) + np.clip(rest, 0, 1) * binom.pmf(most + 1, sizes, risks)
    power = np.where(risks > risk, DELTA, np.minimum(power, 1))
    power = np.maximum.accumulate(power[::-1])[::-1]  # whoever certifies more certifies this too
    oracle = population.oracle(target)
    coverage = float(power.mean())
    return {
        "target": target,
        "n_audits": n,
        "method": "ceiling",
        "oracle": oracle,
        "coverage": coverage,
        "of_oracle": coverage / oracle,
    }


def _peers(population: Population, drawn: dict[str, tuple[Floats, Flags, float]]) -> list[dict[str, Any]]:
    say("  MAPIE, in an environment of its own")
    arrays: dict[str, npt.ArrayLike] = {"delta": DELTA}
    for name, (sure, right, target) in drawn.items():
        arrays |= {f"sure/{name}": sure, f"right/{name}": right, f"target/{name}": target}
    answer = run_peers(Path(__file__).with_name("_guarantees_target_peers.py"), arrays)
    rows = []
    for key, thresholds in answer.items():
        method, name = key.split("/")
        target, n = name.split("-")
        known = [None if np.isnan(one) else float(one) for one in thresholds]
        rows.append(_row(population, method, float(target), int(n), known))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows in Markdown: share of the oracle's coverage, and how often the target was missed."""
    head = "| target (oracle) | audits | " + " | ".join(WORDS.values()) + " |"
    lines = [head, "|---" * (len(WORDS) + 2) + "|"]
    for target in TARGETS:
        for n in SIZES:
            found = {one["method"]: one for one in rows if (one["target"], one["n_audits"]) == (target, n)}
            oracle = found["goldloop"]["oracle"]
            cells = [_cell(found.get(method)) for method in WORDS]
            lines.append(f"| {target:.0%} ({oracle:.3f}) | {n:,} | " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(
        "Share of the oracle's coverage with its 95 % interval / share of resamples that missed the target."
    )
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if "missed" not in row:
        return f"{row['of_oracle']:.3f}"
    half = (row["of_oracle_high"] - row["of_oracle_low"]) / 2
    return f"{row['of_oracle']:.3f} ±{half:.3f} / {row['missed']:.1%}"
