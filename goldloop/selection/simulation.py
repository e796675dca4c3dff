"""Simulation of strategies on gold: how good models would be if another strategy had chosen their labels.

All labels are hidden. A strategy asks for them in batches; after each batch a model is trained on them and
tested on audited samples that were out of reach. Audits alone are a random draw of all traffic, so they alone
test, weighted by inverse inclusion probabilities. For every two seeds chance halves them: each half tests the
runs of one seed and may be asked for in those of the other.

The pool holds gold of all purposes. What an earlier strategy chose is no random draw: it is harder and more
varied, so that the random choice among it does better than it would among all traffic, and what others gain
is rather too small. A pool of audits alone has no such bias, but it is small: a strategy that takes most of a
pool can hardly differ from chance (docs/decisions/0033-compare-strategies.md has figures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.core.errors import EmptyPoolError
from goldloop.core.probs import Probs
from goldloop.selection.pool import Features, Pool, Rows
from goldloop.selection.strategies import STRATEGIES
from goldloop.stats.metrics import Columns, Flags, Weights

Pair = tuple[str, str]
"""Names of STRATEGIES: that of the first batch, before there is a model, and that of the later ones."""

BASELINE: Pair = ("random", "random")
PAIRS: tuple[Pair, ...] = (
    BASELINE,
    ("medoids", "random"),
    ("medoids", "margin"),
    ("medoids", "margin_kmeans"),
)
"""The pairs that are compared."""

N_BATCHES, LARGEST_SHARE = 6, 0.6
"""Batches of a run, and the share of the pool that they ask for together."""

LEAST_POOL, LEAST_AUDITS = 60, 40
"""Samples below which nothing is simulated: batches would hold fewer than six, a test fewer than twenty."""

Learn = Callable[[Rows, Columns], Probs]
"""Fits a model on rows of the features and their columns; returns its probs of all rows, (n, n_labels)."""


@dataclass(frozen=True, slots=True)
class HiddenGold:
    """Gold samples whose labels a simulation hides.

    `features` (n, d) are those of `Pool`, `columns` (n,) the labels. `weights` (n,) are inverse inclusion
    probabilities, 0 of samples that are no audits and hence never test. Near-duplicates share a group.
    """

    features: Features
    columns: Columns
    weights: Weights
    groups: Sequence[str]

    @property
    def audits(self) -> Rows:
        """The rows of audits, ascending."""
        return np.flatnonzero(self.weights)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What models of the simulated runs get right.

    `sizes` (n_sizes,) are the labels after each batch, of the `n_pool` samples that each run chose from.
    `weights` (n_audits,) are those of the audits, and `is_test` (n_seeds, n_audits) says which of them tested
    the runs of a seed. `right`, by pair of strategies, (n_seeds, n_sizes, n_audits), says which audits a
    model labels right; it is False outside of the test.
    """

    sizes: tuple[int, ...]
    n_pool: int
    weights: Weights
    is_test: Flags
    right: Mapping[Pair, Flags]


def simulate(
    gold: HiddenGold,
    start: Callable[[], Learn],
    *,
    n_seeds: int,
    seed: int,
    advance: Callable[[float], None] = lambda _: None,
) -> Simulation:
    """Return what each of PAIRS would have taught models, for `n_seeds` >= 1 seeds from `seed` on.

    `start` is called for each run and returns what fits its models, which grow. Runs of one seed share the
    pool, the test and the state of chance, so that their differences rest on pairs. `advance` gets the share
    that is done. The same gold and seed give the same simulation.

    Raises:
        EmptyPoolError: there are fewer than LEAST_POOL samples to ask for, or than LEAST_AUDITS audits, or
            fewer than two labels.
    """
    tests, audits = list(_tests(gold, n_seeds, seed)), gold.audits
    n_pool = min(len(gold.columns) - len(test) for test in tests)
    _check_enough(gold, n_pool)
    batch = int(LARGEST_SHARE * n_pool) // N_BATCHES
    is_test = np.stack([np.isin(audits, test) for test in tests])
    right = {pair: np.zeros((n_seeds, N_BATCHES, len(audits)), dtype=bool) for pair in PAIRS}
    n_done = 0
    for number, test in enumerate(tests):
        for pair in PAIRS:
            rng = np.random.default_rng([seed + number, 1])
            for step, probs in enumerate(_run(gold, test, pair, batch=batch, learn=start(), rng=rng)):
                is_right = probs[audits].argmax(axis=1) == gold.columns[audits]
                right[pair][number, step] = is_right & is_test[number]
                n_done += 1
                advance(n_done / (n_seeds * len(PAIRS) * N_BATCHES))
    sizes = tuple(batch * number for number in range(1, N_BATCHES + 1))
    return Simulation(sizes, n_pool, gold.weights[audits], is_test, right)


def _run(
    gold: HiddenGold, test: Rows, pair: Pair, *, batch: int, learn: Learn, rng: np.random.Generator
) -> Iterator[Probs]:
    """Yield the probs of all samples by the model after each batch; rows of `test` are never asked for."""
    pool = np.setdiff1d(np.arange(len(gold.columns)), test)
    asked: Rows = np.zeros(0, dtype=np.int64)  # rows of the pool
    probs: Probs | None = None
    for number in range(N_BATCHES):
        strategy = STRATEGIES[pair[number > 0]]
        known = None if probs is None else probs[pool]
        asked = np.concatenate([asked, strategy(Pool(gold.features[pool], known, asked, rng), batch)])
        rows = pool[asked]
        probs = learn(rows, gold.columns[rows])
        yield probs


def _tests(gold: HiddenGold, n_seeds: int, seed: int) -> Iterator[Rows]:
    """Yield the rows that test the runs of each seed: of two seeds in turn, the halves of the audits.

    Near-duplicates are in one half, and those of a tested audit are in no pool: they test as well.
    """
    _, of_row = np.unique(np.asarray(gold.groups), return_inverse=True)
    drawn = np.unique(of_row[gold.audits])
    for number in range(n_seeds):
        order = np.random.default_rng([seed + number - number % 2, 0]).permutation(drawn)
        half = order[number % 2 :: 2]
        yield np.flatnonzero(np.isin(of_row, half))


def _check_enough(gold: HiddenGold, n_pool: int) -> None:
    n_audits, n_labels = len(gold.audits), len(np.unique(gold.columns))
    if n_audits < LEAST_AUDITS or n_pool < LEAST_POOL or n_labels < 2:
        raise EmptyPoolError(
            f"the gold is too small to compare strategies: {n_audits} audited samples, {n_pool} samples to "
            f"choose from beside a half of them, {n_labels} labels; {LEAST_AUDITS}, {LEAST_POOL} and 2 are "
            "needed. Answer more tasks, then run `goldloop pull`"
        )
