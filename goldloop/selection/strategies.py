"""Strategies: which samples of a pool annotators should label next.

Each strategy is a function of a `Pool` and a number n. It returns the rows of n samples, the first to label
first, without repetition and never one that was asked about; with fewer candidates than n it returns all of
them, and with n = 0 none. Chance comes from `pool.rng` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from goldloop.core.probs import Probs, margin
from goldloop.selection.clusters import cluster_sums, k_means, take_turns
from goldloop.selection.pool import Pool, Rows

Strategy = Callable[[Pool, int], Rows]

MEDOID_ROWS_PER_CHOICE, LEAST_MEDOID_ROWS = 20, 5000
"""Candidates that `medoids` clusters: so many for each sample to choose, but at least the second number.

A random draw of them stands for the pool, which bounds the time in pools of any size.
"""

ROWS_PER_CHOICE = 10
"""Candidates that `margin_kmeans` clusters for each sample to choose: those with the least margins."""

ADJUSTMENT = 0.25
"""Power of a label's share by which `adjusted_margin_kmeans` divides its probability.

With 1 every label is as if equally frequent, with 0 nothing changes. Chosen on tweets; 0.5 and 0.75 cost
accuracy there.
"""

_LEAST_SHARE = 1e-12  # of a label that the model never expects
_LEAST_WEIGHT = 1e-6  # of a sample that the model is sure of, so that no centre lacks weight


def random(pool: Pool, n: int) -> Rows:
    """Return a uniform draw of `n` candidates."""
    return pool.rng.permutation(pool.candidates)[: pool.within(n)]


def medoids(pool: Pool, n: int) -> Rows:
    """Return the samples nearest to the centres of clusters that nobody has labelled a sample of.

    k-means makes n clusters, and one more for each row asked about but at most n more. Clusters without
    such a row come first [hacohen2022], the larger before the smaller; each gives the row nearest to its
    centre [gupte2024]. If that is not enough, clusters give their next rows in turn. It needs no model.
    """
    n = pool.within(n)
    if n == 0:
        return pool.candidates[:0]
    n_rows = max(MEDOID_ROWS_PER_CHOICE * n, LEAST_MEDOID_ROWS)
    candidates = pool.rng.permutation(pool.candidates)[:n_rows]
    asked = pool.rng.permutation(pool.asked)[:n_rows]
    rows = np.concatenate([candidates, asked])
    k = n + min(len(asked), n)
    clusters = k_means(pool.features[rows], k, pool.rng, weights=np.ones(len(rows)))
    is_asked = np.arange(len(rows)) >= len(candidates)
    sizes = cluster_sums(clusters, np.ones(len(rows)))
    n_asked = cluster_sums(clusters, is_asked)
    priority = np.where(is_asked, np.inf, clusters.distances)
    order = take_turns(clusters, priority, sizes, n_skipped=n_asked)
    chosen: Rows = rows[order[~is_asked[order]]][:n]
    return chosen


def least_margin(pool: Pool, n: int) -> Rows:
    """Return the samples whose two likeliest labels differ least in probability, least first [scheffer2001].

    Chance decides between equal margins.
    """
    return _by_margin(pool, margins(pool.known_probs("margin")))[: pool.within(n)]


def margin_kmeans(pool: Pool, n: int) -> Rows:
    """Return samples that the model is unsure of, one from each of n clusters [zhdanov2019].

    k-means of the ROWS_PER_CHOICE * n candidates with the least margins weights each by (1 - margin)².
    Each cluster gives the row nearest to its centre, the cluster of greatest weight first. Identical samples
    fall into one cluster, which gives a second row only if there are fewer than n distinct samples.
    """
    return _diverse(pool, n, margins(pool.known_probs("margin_kmeans")))


def adjusted_margin_kmeans(pool: Pool, n: int) -> Rows:
    """Return what `margin_kmeans` does, with margins of probabilities that are adjusted for rare labels.

    Each probability is divided by the ADJUSTMENT-th power of its label's share, the mean probability in the
    pool, and each row by its sum: the logit adjustment of [menon2021]. A sample then counts as unsure also
    where a rare label is likelier than elsewhere, but not the likeliest.
    """
    probs = pool.known_probs("adjusted_margin_kmeans")
    shares = probs.sum(axis=0) / max(1, len(probs))
    adjusted = probs / np.maximum(shares, _LEAST_SHARE) ** ADJUSTMENT
    return _diverse(pool, n, margins(adjusted / adjusted.sum(axis=1, keepdims=True)))


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "random": random,
        "medoids": medoids,
        "margin": least_margin,
        "margin_kmeans": margin_kmeans,
        "adjusted_margin_kmeans": adjusted_margin_kmeans,
    }
)
"""The strategies by name. `random` and `medoids` need no model."""


def margins(probs: Probs) -> npt.NDArray[np.float64]:
    """Return the margin of each row of `probs` (n, n_labels), shape (n,); 1 where there is only one label."""
    return margin(probs) if probs.shape[1] > 1 else np.ones(len(probs))


def _by_margin(pool: Pool, all_margins: npt.NDArray[np.float64]) -> Rows:
    shuffled = pool.rng.permutation(pool.candidates)
    return shuffled[np.argsort(all_margins[shuffled], kind="stable")]


def _diverse(pool: Pool, n: int, all_margins: npt.NDArray[np.float64]) -> Rows:
    """Return one sample from each of n clusters of the ROWS_PER_CHOICE * n candidates of least margin."""
    n = pool.within(n)
    if n == 0:
        return pool.candidates[:0]
    rows = _by_margin(pool, all_margins)[: ROWS_PER_CHOICE * n]
    weights = np.maximum((1 - all_margins[rows]) ** 2, _LEAST_WEIGHT)
    clusters = k_means(pool.features[rows], n, pool.rng, weights=weights)
    worth = cluster_sums(clusters, weights)
    return rows[take_turns(clusters, clusters.distances, worth)][:n]
