"""Strategies of the literature that goldloop's own are compared with, for pools of some 10,000 rows.

Each keeps to `goldloop.selection.strategies.Strategy`. Where a paper leaves a constant open, the constant has
a name here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from goldloop.selection.clusters import cluster_sums, k_means, take_turns
from goldloop.selection.pool import Pool, Rows
from goldloop.selection.strategies import Strategy, margins

N_NEIGHBOURS = 20
MAX_CLUSTERS = 500
PURITY = 0.95
N_PSEUDO_LABELS = 10
_LEAST_SHARE = 1e-12
_RADII = np.linspace(0.1, 1.3, 25)


def entropy(pool: Pool, n: int) -> Rows:
    """Return the samples whose probabilities have the greatest entropy."""
    candidates = pool.rng.permutation(pool.candidates)
    doubt = entr(pool.known_probs("entropy")[candidates]).sum(axis=1)
    return candidates[np.argsort(-doubt, kind="stable")][: pool.within(n)]


def balanced_margin(pool: Pool, n: int) -> Rows:
    """Return the samples whose two likeliest labels differ least where every label is equally frequent.

    The probabilities are divided by those of the labels in the pool, as the model sees them.
    """
    probs = pool.known_probs("balanced_margin")
    even = probs / np.maximum(probs.mean(axis=0), _LEAST_SHARE)
    even /= even.sum(axis=1, keepdims=True)
    candidates = pool.rng.permutation(pool.candidates)
    return candidates[np.argsort(margins(even)[candidates], kind="stable")][: pool.within(n)]


def typiclust(pool: Pool, n: int) -> Rows:
    """Return the most typical sample of each cluster without a labelled one, largest first [hacohen2022].

    A sample is typical if its N_NEIGHBOURS nearest neighbours in the cluster are near on average.
    """
    n, n_rows = pool.within(n), len(pool.features)
    k = min(len(pool.asked) + n, MAX_CLUSTERS)
    clusters = k_means(pool.features, k, pool.rng, weights=np.ones(n_rows))
    is_asked = np.zeros(n_rows, dtype=bool)
    is_asked[pool.asked] = True
    spread = np.full(n_rows, np.inf)
    for cluster in range(clusters.n_clusters):
        rows = np.flatnonzero(clusters.labels == cluster)
        near = np.sort(_distances(pool.features[rows], pool.features[rows]), axis=1)
        spread[rows] = near[:, 1 : N_NEIGHBOURS + 1].mean(axis=1) if len(rows) > 1 else 0.0
    sizes, n_asked = cluster_sums(clusters, np.ones(n_rows)), cluster_sums(clusters, is_asked)
    order = take_turns(clusters, np.where(is_asked, np.inf, spread), sizes, n_skipped=n_asked)
    chosen: Rows = order[~is_asked[order]][:n]
    return chosen


def coreset(pool: Pool, n: int) -> Rows:
    """Return samples each of which is farthest from all labelled and chosen ones before it [sener2018]."""
    n, features = pool.within(n), pool.features
    far = np.full(len(features), np.inf)
    chosen: list[int] = []
    for row in pool.asked:
        far = np.minimum(far, _distances(features, features[row : row + 1])[:, 0])
    for _ in range(n):
        row = int(pool.rng.choice(pool.candidates)) if np.isinf(far).all() else int(far.argmax())
        chosen.append(row)
        far = np.minimum(far, _distances(features, features[row : row + 1])[:, 0])
        far[chosen] = -1.0
        far[pool.asked] = -1.0
    return np.array(chosen, dtype=np.int64)


def badge(pool: Pool, n: int) -> Rows:
    """Return k-means++ seeds among gradients of the last layer, had the likeliest label been true [ash2020].

    A gradient is the outer product of an error of the probabilities and the features; its inner products
    are products of those of the two.
    """
    n, rows = pool.within(n), pool.candidates
    probs, features = pool.known_probs("badge")[rows], pool.features[rows].astype(np.float64)
    errors = probs - np.eye(probs.shape[1])[probs.argmax(axis=1)]
    squares = (errors**2).sum(axis=1) * (features**2).sum(axis=1)
    chosen: list[int] = []
    nearest = squares.copy()  # to the origin, so that the first seed is the longest gradient
    for _ in range(n):
        weights = nearest.copy()
        weights[chosen] = 0.0
        if not chosen:
            seed = int(squares.argmax())
        elif weights.sum() > 0:
            seed = int(pool.rng.choice(len(rows), p=weights / weights.sum()))
        else:
            seed = int(pool.rng.choice(np.setdiff1d(np.arange(len(rows)), chosen)))
        products = (errors @ errors[seed]) * (features @ features[seed])
        away = np.maximum(squares + squares[seed] - 2 * products, 0.0)
        nearest = away if not chosen else np.minimum(nearest, away)
        chosen.append(seed)
    return rows[np.array(chosen, dtype=np.int64)]


def probcover(pool: Pool, n: int) -> Rows:
    """Return samples whose balls cover most samples that no ball covers yet [yehuda2022].

    The radius is the greatest at which PURITY of all balls hold one of N_PSEUDO_LABELS k-means clusters only.
    """
    n, n_rows = pool.within(n), len(pool.features)
    away = _distances(pool.features, pool.features)
    labels = k_means(pool.features, N_PSEUDO_LABELS, pool.rng, weights=np.ones(n_rows)).labels
    nearest_other = np.where(labels[:, None] == labels, np.inf, away).min(axis=1)
    pure = [radius for radius in _RADII if (nearest_other > radius).mean() >= PURITY]
    is_near = away <= (max(pure) if pure else _RADII[0])
    is_open = ~is_near[pool.asked].any(axis=0)
    gains = (is_near & is_open).sum(axis=1)
    chosen: list[int] = []
    gains[pool.asked] = -1
    for _ in range(n):
        best = pool.rng.permutation(np.flatnonzero(gains == gains.max()))[0]
        chosen.append(int(best))
        covered = is_near[best] & is_open
        is_open &= ~covered
        gains -= is_near[:, covered].sum(axis=1)
        gains[chosen] = -1
        gains[pool.asked] = -1
    return np.array(chosen, dtype=np.int64)


REFERENCES: Mapping[str, Strategy] = MappingProxyType(
    {
        "entropy": entropy,
        "balanced_margin": balanced_margin,
        "typiclust": typiclust,
        "coreset": coreset,
        "badge": badge,
        "probcover": probcover,
    }
)
"""The strategies by name. `entropy`, `balanced_margin` and `badge` need a model."""


def _distances(rows: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the distances (n, m) between rows of length 1."""
    return np.asarray(np.sqrt(np.maximum(2 - 2 * (rows @ others.T), 0)))
