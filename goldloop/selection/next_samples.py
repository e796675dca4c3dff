"""The next samples: which of the candidates annotators label next, by a strategy and what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf

import numpy as np

from goldloop.core.chance import permanent_random
from goldloop.core.modality import Features
from goldloop.core.predictions import Candidate
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.selection.first_samples import first_samples, reduced
from goldloop.selection.hints import LabelHints, nearest_to_hints
from goldloop.selection.pool import Features as Rows
from goldloop.selection.pool import Pool
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
    order = sorted(candidates, key=lambda one: permanent_random(one.sample_id, seed, "seed"))
    hinted = nearest_to_hints(order, n, known.hints, features_of=known.features_of)
    ids = {one.sample_id for one in hinted}
    others = [one for one in order if one.sample_id not in ids]
    known = replace(known, asked=[*known.asked, *ids])
    return [*hinted, *_by_strategy(others, n - len(hinted), strategy, known, seed)]


def _by_strategy(
    order: Sequence[Candidate], n: int, strategy: str, known: Known, seed: int
) -> list[Candidate]:
    """Return n of the candidates in `order`, which is by chance, that `strategy` chooses."""
    scored = [one for one in order if one.margin is not None]
    if strategy == "random" or not order or n <= 0:
        return list(order[: max(n, 0)])
    if strategy == "saving":
        return sorted(scored, key=_by_saving)[:n] or list(order[:n])
    if strategy == "medoids" or not scored:
        chosen = _medoids(order, n, known, seed)
    else:
        drawn = scored[: max(ADJUSTED_ROWS_PER_CHOICE * n, LEAST_ADJUSTED_ROWS)]
        scored.sort(key=lambda one: one.margin or 0.0)  # equal margins stay in the order drawn
        shortlist = drawn if strategy == "adjusted_margin_kmeans" else scored[: ROWS_PER_CHOICE * n]
        chosen = _of_shortlist(shortlist, n, strategy, known, seed)
    taken = {one.sample_id for one in chosen}
    rest = [one for one in (*scored, *order) if one.sample_id not in taken]
    return list({one.sample_id: one for one in (*chosen, *rest)}.values())[:n]


def _by_saving(candidate: Candidate) -> tuple[float, float, datetime]:
    """Return what puts first the review that saves most, then the least sure sample, then the oldest."""
    saving = -inf if candidate.saving is None else candidate.saving
    margin = 1.0 if candidate.margin is None else candidate.margin
    return -saving, margin, candidate.arrived_at or datetime.max.replace(tzinfo=UTC)


def _medoids(order: Sequence[Candidate], n: int, known: Known, seed: int) -> list[Candidate]:
    by_id = {one.sample_id: one for one in order}
    first = first_samples(list(by_id), known.asked, n, features_of=known.features_of, seed=seed)
    return [by_id[sample_id] for sample_id in first or ()]


def _of_shortlist(
    shortlist: Sequence[Candidate], n: int, strategy: str, known: Known, seed: int
) -> list[Candidate]:
    """Return what `strategy` chooses of the `shortlist`, which a model has scored."""
    ids = [one.sample_id for one in shortlist]
    probs = known.probs_of(ids)
    rng = np.random.default_rng([seed, len(known.asked)])
    pool = Pool(_rows(ids, probs, known), probs, np.zeros(0, dtype=np.int64), rng)
    return [shortlist[row] for row in STRATEGIES[strategy](pool, n).tolist()]


def _rows(ids: Sequence[SampleId], probs: Probs, known: Known) -> Rows:
    """Return reduced features (n, d) where each sample has some, else the square roots of `probs`."""
    features = known.features_of(ids)
    if len(features) == len(ids) > 1:
        return reduced(np.stack([features[sample_id] for sample_id in ids]))
    rows = np.sqrt(probs)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
