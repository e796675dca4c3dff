"""The next samples: which of the candidates annotators label next, by a strategy and what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from goldloop.core.candidates import Candidates
from goldloop.core.chance import permanent_randoms
from goldloop.core.modality import Features
from goldloop.core.predictions import Candidate
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.selection.first_samples import first_samples, reduced
from goldloop.selection.hints import LabelHints, nearest_to_hints
from goldloop.selection.pool import Features as FeatureRows
from goldloop.selection.pool import Pool, Rows
from goldloop.selection.strategies import ROWS_PER_CHOICE, STRATEGIES

ADJUSTED_ROWS_PER_CHOICE, LEAST_ADJUSTED_ROWS = 100, 20_000
"""Candidates whose probs `adjusted_margin_kmeans` reads for each sample to choose, but at least the second.

The stored margins do not tell its own. A random draw stands for the pool, which bounds time and memory.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of samples: features of some, the newest probs of those scored, and who was asked about.

    `probs_of` returns probs (n, n_labels) of samples that a model has scored, in their order. `hints` are the
    user's own samples of some labels.
    """

    features_of: Callable[[Iterable[SampleId]], Features]
    probs_of: Callable[[Sequence[SampleId]], Probs]
    asked: Sequence[SampleId] = ()
    hints: Sequence[LabelHints] = ()


def next_samples(
    candidates: Sequence[Candidate], n: int, *, strategy: str, known: Known, seed: int
) -> list[Candidate]:
    """Return n of `candidates`, or all where there are fewer, the first to label first.

    `strategy` is a name of STRATEGIES, or saving: what a review is expected to save in a minute. Before the
    first model it is medoids, which needs none. Where the preset has no features, medoids is a random draw,
    and distances are those of the probabilities (Hellinger). Samples that are not scored yet come after those
    that are. The same pool, in whatever order, and the same seed make the same choice.

    A bounded share, first of all, are the samples nearest to hints of labels that are rare in gold.
    """
    pool = Candidates.of(candidates)
    numbers = permanent_randoms(pool.sample_ids, seed, "seed")
    order = pool.at(np.argsort(numbers, kind="stable"))
    hinted = nearest_to_hints(order, n, known.hints, features_of=known.features_of)
    ids = {one.sample_id for one in hinted}
    others = order.where(~order.among(ids)) if ids else order
    known = replace(known, asked=[*known.asked, *ids])
    return [*hinted, *others.at(_by_strategy(others, n - len(hinted), strategy, known, seed))]


def _by_strategy(order: Candidates, n: int, strategy: str, known: Known, seed: int) -> Rows:
    """Return n rows of the candidates in `order`, which is by chance, that `strategy` chooses."""
    every, margins = np.arange(len(order)), order.margins
    scored = np.flatnonzero(~np.isnan(margins))
    if strategy == "random" or not len(order) or n <= 0:
        return every[: max(n, 0)]
    if strategy == "saving":
        return scored[_by_saving(order.at(scored))][:n] if len(scored) else every[:n]
    if strategy == "medoids" or not len(scored):
        chosen = _medoids(order, n, known, seed)
    else:
        drawn = scored[: max(ADJUSTED_ROWS_PER_CHOICE * n, LEAST_ADJUSTED_ROWS)]
        scored = scored[np.argsort(margins[scored], kind="stable")]  # equal ones stay in the order drawn
        rows = drawn if strategy == "adjusted_margin_kmeans" else scored[: ROWS_PER_CHOICE * n]
        chosen = rows[_of_shortlist(order.at(rows).sample_ids, n, strategy, known, seed)]
    if len(chosen) < n:
        rest = np.concatenate([chosen, scored, every])
        chosen = rest[np.sort(np.unique(rest, return_index=True)[1])]
    return chosen[:n]


def _by_saving(order: Candidates) -> Rows:
    """Return the rows, first the review that saves most, then the least sure sample, then the oldest."""
    savings = np.where(np.isnan(order.savings), -inf, order.savings)
    arrived = order.arrived_at
    oldest = np.where(np.isnat(arrived), np.datetime64("9999-12-31"), arrived)
    return np.lexsort((oldest, order.margins, -savings))


def _medoids(order: Candidates, n: int, known: Known, seed: int) -> Rows:
    ids = order.sample_ids
    first = first_samples(ids, known.asked, n, features_of=known.features_of, seed=seed)
    row_of = {sample_id: row for row, sample_id in enumerate(ids)}
    return np.array([row_of[sample_id] for sample_id in first or ()], dtype=np.int64)


def _of_shortlist(ids: Sequence[SampleId], n: int, strategy: str, known: Known, seed: int) -> Rows:
    """Return the rows of what `strategy` chooses of a shortlist, which a model has scored."""
    probs = known.probs_of(ids)
    rng = np.random.default_rng([seed, len(known.asked)])
    pool = Pool(_rows(ids, probs, known), probs, np.zeros(0, dtype=np.int64), rng)
    return STRATEGIES[strategy](pool, n)


def _rows(ids: Sequence[SampleId], probs: Probs, known: Known) -> FeatureRows:
    """Return reduced features (n, d) where each sample has some, else the square roots of `probs`."""
    features = known.features_of(ids)
    if len(features) == len(ids) > 1:
        return reduced(np.stack([features[sample_id] for sample_id in ids]))
    rows = np.sqrt(probs)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
