"""Learning curves of simulated strategies: accuracy by labels, what is gained over chance, labels saved.

The same audits test the runs of many seeds. Intervals add what two bootstraps vary: one draws the audits
anew, one the seeds, each with repetition. Their variances sum to no less than the variance of the estimate
[cameron2011]. The gold at hand is the pool in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.selection.simulation import BASELINE, Pair, Simulation
from goldloop.stats.metrics import Estimate

N_BOOTSTRAPS = 2000
_AT_ONCE = 100  # draws in memory; 2,500 audits and six sizes then take 12 MB

Curves = npt.NDArray[np.float64]
"""Accuracy, (n_draws, n_sizes)."""


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What the models of one pair of strategies get right.

    `accuracy` is by size, a share. `gain` is the accuracy over that of the random choice, mean of all sizes;
    `saved` is how many labels fewer the pair needs to be as accurate as the random choice, mean of the sizes
    after the first. Both have n audits, and are None for the random choice itself. Their intervals hold with
    95 % for the gains of all pairs together, and as well for what they save.
    """

    pair: Pair
    accuracy: tuple[float, ...]
    gain: Estimate | None = None
    saved: Estimate | None = None


@dataclass(frozen=True, slots=True)
class StrategyComparison:
    """The learning curves of all pairs, that of the random choice first, over `sizes` labels.

    `n_pool` is the number of samples that strategies chose from, `n_audits` the number of those that tested.
    """

    sizes: tuple[int, ...]
    curves: tuple[LearningCurve, ...]
    n_pool: int
    n_audits: int
    n_seeds: int

    @property
    def best(self) -> LearningCurve:
        """The curve with the largest gain over the random choice."""
        return max(self.curves, key=lambda curve: curve.gain.value if curve.gain else -np.inf)

    @property
    def paying(self) -> LearningCurve | None:
        """The best curve if its interval rules out that it gains nothing, else None."""
        best = self.best
        return best if best.gain and best.gain.low > 0 else None


def compare_strategies(simulation: Simulation, *, seed: int) -> StrategyComparison:
    """Return the learning curve of every pair of `simulation`; `seed` is that of the bootstrap."""
    n_seeds, n_audits = simulation.is_test.shape
    means = _curves(simulation, np.ones((1, n_seeds)), np.ones((1, n_audits)))
    drawn = list(_drawn_curves(simulation, means, np.random.default_rng([seed, 2])))
    others = [pair for pair in simulation.right if pair != BASELINE]
    tail = 2.5 / len(others)
    curves = [LearningCurve(BASELINE, tuple(means[BASELINE][0].tolist()))]
    for pair in others:
        figures = []
        for figure in (_gain, _saved):
            value = float(figure(means, pair, simulation.sizes)[0])
            values = np.concatenate([figure(draw, pair, simulation.sizes) for draw in drawn])
            low, high = np.percentile(values, [tail, 100 - tail]).tolist()
            figures.append(Estimate(value, min(low, value), max(high, value), n_audits))
        curves.append(LearningCurve(pair, tuple(means[pair][0].tolist()), *figures))
    return StrategyComparison(simulation.sizes, tuple(curves), simulation.n_pool, n_audits, n_seeds)


def _drawn_curves(
    simulation: Simulation, means: Mapping[Pair, Curves], rng: np.random.Generator
) -> Iterator[Mapping[Pair, Curves]]:
    """Yield the accuracy of each pair, (_AT_ONCE, n_sizes), of N_BOOTSTRAPS draws in all."""
    n_seeds, n_audits = simulation.is_test.shape
    for _ in range(N_BOOTSTRAPS // _AT_ONCE):
        seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), _AT_ONCE)
        audits = rng.multinomial(n_audits, np.full(n_audits, 1 / n_audits), _AT_ONCE)
        of_seeds = _curves(simulation, seeds.astype(np.float64), np.ones((1, n_audits)))
        of_audits = _curves(simulation, np.ones((1, n_seeds)), audits.astype(np.float64))
        yield {pair: of_seeds[pair] + of_audits[pair] - mean for pair, mean in means.items()}


def _curves(simulation: Simulation, seeds: Curves, audits: Curves) -> Mapping[Pair, Curves]:
    """Return the accuracy of each pair, (n_draws, n_sizes), a Hájek mean.

    `seeds` (n_draws, n_seeds) and `audits` (n_draws, n_audits) say how often each is drawn; one of them may
    have a single row.
    """
    shares = audits * simulation.weights
    totals = ((seeds @ simulation.is_test.astype(np.float64)) * shares).sum(axis=1)
    found = {}
    for pair, right in simulation.right.items():
        n_right = np.tensordot(seeds, right.astype(np.float64), axes=1)  # (n_draws, n_sizes, n_audits)
        found[pair] = np.asarray((n_right * shares[:, None]).sum(axis=2) / totals[:, None])
    return found


def _gain(curves: Mapping[Pair, Curves], pair: Pair, sizes: tuple[int, ...]) -> npt.NDArray[np.float64]:
    del sizes
    return np.asarray((curves[pair] - curves[BASELINE]).mean(axis=1))


def _saved(curves: Mapping[Pair, Curves], pair: Pair, sizes: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return how many labels fewer `pair` needs, (n_draws,), mean of random's accuracies after the first.

    Random's own curve is crossed as well: where it is flat, its accuracy at a size is reached before.
    """
    rows = zip(curves[BASELINE], curves[pair], strict=True)
    return np.array(
        [
            np.mean([labels_to(goal, base, sizes) - labels_to(goal, ours, sizes) for goal in base[1:]])
            for base, ours in rows
        ]
    )


def labels_to(goal: float, curve: npt.NDArray[np.float64], sizes: tuple[int, ...]) -> float:
    """Return with how many labels `curve` (n_sizes,) first reaches `goal`; linear between sizes.

    The last size where it does not reach it, the first where it is there from the start: the number of labels
    saved is then too large or too small, by what lies outside of the simulation.

    >>> labels_to(0.75, np.array([0.6, 0.7, 0.8]), (100, 200, 300))
    250.0
    """
    reached = np.flatnonzero(curve >= goal)
    if not len(reached) or reached[0] == 0:
        return float(sizes[-1] if not len(reached) else sizes[0])
    after = int(reached[0])
    share = (goal - curve[after - 1]) / (curve[after] - curve[after - 1])
    return float(sizes[after - 1] + (sizes[after] - sizes[after - 1]) * share)
