"""Weighted k-means on rows of length 1, and turns between its clusters.

scikit-learn's k-means adds up float32 sums in the order in which threads finish, so that the same seed can
choose other rows; it also warns where samples are identical. The one below does neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from goldloop.selection.pool import Features

N_STEPS = 5
"""Steps of k-means; ten steps chose samples that taught a model no more."""

_N_DRAWN = 64
_IDENTICAL = 1e-5  # squared distance; float32 products of rows of length 1 are good to about 1e-6

Columns = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters of n rows: `labels` (n,) numbers below `n_clusters`.

    `distances` (n,) are half the squared distance of each row to its centre, up to a constant of all rows.
    """

    labels: Columns
    distances: npt.NDArray[np.float32]
    n_clusters: int


def k_means(rows: Features, k: int, rng: np.random.Generator, *, weights: Weights) -> Clusters:
    """Return at most `k` >= 1 clusters of `rows` (n, d), n >= 1, from N_STEPS steps of k-means [lloyd1982].

    `weights` (n,) are positive. The first centres are those of k-means++ [arthur2007]. There are fewer than
    `k` clusters where fewer rows are distinct.
    """
    centres = rows[_seeds(rows, k, rng, weights)]
    k = len(centres)
    for _ in range(N_STEPS):
        labels, _ = _nearest(rows, centres)
        totals = np.bincount(labels, weights, minlength=k).astype(np.float32)
        places = (weights.astype(np.float32), labels, np.arange(len(rows) + 1))
        sums = csr_array(places, shape=(len(rows), k)).T @ rows
        is_used = totals > 0
        centres[is_used] = sums[is_used] / totals[is_used, None]
    labels, distances = _nearest(rows, centres)
    return Clusters(labels, distances, k)


def cluster_sums(clusters: Clusters, values: npt.NDArray[Any]) -> Weights:
    """Return the sum of `values` (n,) in each cluster, shape (n_clusters,)."""
    sums = np.bincount(clusters.labels, values, minlength=clusters.n_clusters)
    return np.asarray(sums, dtype=np.float64)


def take_turns(
    clusters: Clusters,
    priority: npt.NDArray[np.floating],
    worth: Weights,
    *,
    n_skipped: Weights | None = None,
) -> Columns:
    """Return all rows of `clusters` in the order in which clusters take turns.

    In each turn every cluster gives its next row, least `priority` (n,) first, and clusters of greater
    `worth` (n_clusters,) give first. A cluster misses its first `n_skipped` (n_clusters,) turns.
    """
    labels = clusters.labels
    order = np.lexsort([priority, labels])
    starts = np.searchsorted(labels[order], np.arange(clusters.n_clusters))
    turns = np.empty(len(labels), dtype=np.int64)
    turns[order] = np.arange(len(labels)) - starts[labels[order]]
    if n_skipped is not None:
        turns += n_skipped[labels].astype(np.int64)
    return np.asarray(np.lexsort([-worth[labels], turns]), dtype=np.int64)


def _seeds(rows: Features, k: int, rng: np.random.Generator, weights: Weights) -> Columns:
    """Return at most `k` rows of k-means++: each drawn in proportion to its weight times squared distance.

    Distances are to the nearest seed before. They are computed for _N_DRAWN draws at once; a draw is
    accepted with the share of its distance that the seeds accepted since then have left, so that the
    distribution is that of one draw at a time.
    """
    seeds = [int(rng.choice(len(rows), p=weights / weights.sum()))]
    away = _squares(rows, rows[seeds])[:, 0]
    while len(seeds) < k:
        chances = weights * away
        if not chances.any():
            break
        drawn = rng.choice(len(rows), _N_DRAWN, p=chances / chances.sum())
        between = _squares(rows[drawn], rows[drawn])
        left, accepted = away[drawn].copy(), []
        for place, luck in enumerate(rng.random(_N_DRAWN)):
            if luck * away[drawn[place]] < left[place]:
                accepted.append(int(drawn[place]))
                left = np.minimum(left, between[place])
        accepted = accepted[: k - len(seeds)]
        away = np.minimum(away, _squares(rows, rows[accepted]).min(axis=1))
        seeds += accepted
    return np.array(seeds, dtype=np.int64)


def _squares(rows: Features, others: Features) -> npt.NDArray[np.float32]:
    """Return squared distances (n, m); those of identical rows, which rounding leaves above 0, are 0."""
    squares = 2 - 2 * (rows @ others.T)
    squares[squares < _IDENTICAL] = 0
    return squares


def _nearest(rows: Features, centres: Features) -> tuple[Columns, npt.NDArray[np.float32]]:
    scores = rows @ centres.T
    scores -= np.einsum("ij,ij->i", centres, centres) / 2
    labels = scores.argmax(axis=1)
    return labels, -scores[np.arange(len(rows)), labels]
