"""The target policy over resamples: how often the accepted miss the target, and how much is accepted.

Audits are drawn with replacement from a population whose true labels are known, so that what a threshold
really accepts is known too. The oracle accepts the most that any threshold can at the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from goldloop.routing.certificate import certify
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs, calibrated_population
from scripts.bench.peers import run_peers
from scripts.bench.pictures import Columns, Floats

TARGETS = (0.95, 0.98, 0.99)
SIZES = (500, 1000, 2000)
DELTA = 0.05

Flags = npt.NDArray[np.bool_]


class Population:
    """Samples in order of falling confidence, with what any threshold accepts of them."""

    def __init__(self, probs: Floats, truth: Columns) -> None:
        order = np.argsort(-probs.max(axis=1), kind="stable")
        self.probs, self.sure = probs[order], probs.max(axis=1)[order]
        self.right = probs.argmax(axis=1)[order] == truth[order]
        self.risks = np.cumsum(~self.right) / np.arange(1, len(self.right) + 1)

    def accepted(self, threshold: float | None) -> tuple[float, float]:
        """Return the share that is accepted from `threshold` on, and the share of errors in it."""
        n = 0 if threshold is None or np.isnan(threshold) else int((self.sure >= threshold).sum())
        return n / len(self.sure), float(self.risks[n - 1]) if n else 0.0

    def oracle(self, target: float) -> float:
        """Return the largest share that any threshold accepts at the target."""
        return float((np.flatnonzero(self.risks <= 1 - target).max(initial=-1) + 1) / len(self.sure))


def goldloop(sure: Floats, right: Flags, target: float) -> float | None:
    """Return goldloop's threshold."""
    return certify(sure, right, accuracy=target, delta=DELTA).threshold


def naive(sure: Floats, right: Flags, target: float) -> float | None:
    """Return the lowest threshold above which the audits' own accuracy is the target."""
    order = np.argsort(-sure)
    good = np.flatnonzero(np.cumsum(right[order]) / np.arange(1, len(sure) + 1) >= target)
    return float(sure[order][good.max()]) if len(good) else None


METHODS: dict[str, Callable[[Floats, Flags, float], float | None]] = {"goldloop": goldloop, "naive": naive}


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report coverage and misses for each target, number of audits and method, MAPIE's among them."""
    seed = report.options.seed
    population = Population(*calibrated_population(made, seed=seed))
    arrays: dict[str, npt.ArrayLike] = {"delta": DELTA}
    for target in TARGETS:
        for size in SIZES:
            what = f"{name}/target {target:.0%}/{size} audits"
            sure, right = uniform_audits(population, size, n=n, seed=seed)
            for method in METHODS:
                _report(
                    report, f"{what}/{method}", population, thresholds(method, sure, right, target), target
                )
            key = f"{target}-{size}"
            arrays |= {f"sure/{key}": sure, f"right/{key}": right, f"target/{key}": target}
    for key, certified in run_peers("thresholds", arrays).items():
        method, _, case = key.partition("/")
        target = float(case.split("-")[0])
        what = f"{name}/target {target:.0%}/{case.split('-')[1]} audits/{method}"
        _report(report, what, population, certified.tolist(), target)


def uniform_audits(population: Population, size: int, *, n: int, seed: int) -> tuple[Floats, Flags]:
    """Return confidence and correctness (n, size) of `n` uniform draws with replacement."""
    picks = np.random.default_rng((seed, size)).integers(0, len(population.sure), (n, size))
    return population.sure[picks], population.right[picks]


def thresholds(method: str, sure: Floats, right: Flags, target: float) -> list[float | None]:
    """Return the threshold that `method` finds on each draw, None where it finds none."""
    return [METHODS[method](*draw, target) for draw in zip(sure, right, strict=True)]


def misses(population: Population, found: Sequence[float | None], target: float) -> Flags:
    """Return for each threshold whether what it accepts is wrong more often than the target allows."""
    return np.array([population.accepted(threshold)[1] > 1 - target for threshold in found])


def _report(
    report: Report, what: str, population: Population, found: Sequence[float | None], target: float
) -> None:
    coverage = np.array([population.accepted(threshold)[0] for threshold in found])
    oracle = population.oracle(target)
    if oracle:
        report.mean(f"{what}/of the oracle's coverage", coverage / oracle, "")
    report.share(f"{what}/target missed", misses(population, found, target))
