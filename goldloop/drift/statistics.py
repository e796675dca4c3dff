"""Statistics: tests of whether two histograms, or two mean embeddings, differ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, f

from goldloop.drift.sketches import Sketch

LEAST_EXPECTED = 5.0
"""Least expected count of a cell; smaller cells are joined [cochran1954]."""

_FLAT = 1e-6  # an axis with less than this share of the largest variance is dropped
_CONSTANT = 1e-10  # a feature with less than this share of its squares in its scatter is constant

Counts = npt.NDArray[np.int64]


def homogeneity(now: Counts, before: Counts, *, is_ordered: bool) -> tuple[float, float]:
    """Return Pearson's chi-square for equal shares of two counts (k,), and its p-value [pearson1900].

    Small cells are joined to their neighbours if the counts are ordered, otherwise to each other.
    """
    cells = _joined(now, before, is_ordered=is_ordered)
    totals = cells.sum(axis=1, keepdims=True)
    expected = totals * cells.sum(axis=0) / totals.sum()
    statistic = float(((cells - expected) ** 2 / expected).sum())
    degrees = cells.shape[1] - 1
    return statistic, float(chi2.sf(statistic, degrees)) if degrees else 1.0


def _joined(now: Counts, before: Counts, *, is_ordered: bool) -> npt.NDArray[np.float64]:
    """Return counts (2, cells) such that the smaller side expects at least LEAST_EXPECTED in every cell."""
    both = np.array([now, before], dtype=np.float64)
    share = both.sum(axis=1).min() / both.sum()
    if not is_ordered:  # sort by size, so that the order of labels does not matter
        both = both[:, np.lexsort((both[0], -both.sum(axis=0)))]
    cells: list[npt.NDArray[np.float64]] = [np.zeros((2, 1))]
    for place in range(both.shape[1]):
        if float(cells[-1].sum()) * share >= LEAST_EXPECTED:
            cells.append(np.zeros((2, 1)))
        cells[-1] = cells[-1] + both[:, [place]]
    if len(cells) > 1 and float(cells[-1].sum()) * share < LEAST_EXPECTED:
        cells[-2:] = [cells[-2] + cells[-1]]
    return np.concatenate(cells, axis=1)


def mean_shift(now: Sketch, before: Sketch) -> tuple[float, float, float]:
    """Return Hotelling's T2 for equal mean embeddings [hotelling1931], its p-value, and the distance moved.

    The distance is the Mahalanobis distance in standard deviations of a single embedding, corrected for its
    bias by chance, at least 0.
    """
    n, m = now.n, before.n
    scatter = now.scatter + before.scatter
    varies = np.diag(scatter) > _CONSTANT * np.diag(now.products + before.products)
    k = int(varies.sum())
    if k == 0 or n + m - k - 1 < 1:
        return 0.0, 1.0, 0.0
    covariance = scatter[np.ix_(varies, varies)] / (n + m - 2)
    deviations = np.sqrt(np.diag(covariance))
    difference = (now.mean - before.mean)[varies] / deviations
    spread, axes = np.linalg.eigh(covariance / np.outer(deviations, deviations))
    along = (axes.T @ difference)[spread > _FLAT * spread[-1]]
    squared, k = float((along**2 / spread[-len(along) :]).sum()), len(along)
    statistic = n * m / (n + m) * squared
    p_value = float(f.sf(statistic * (n + m - k - 1) / (k * (n + m - 2)), k, n + m - k - 1))
    return statistic, p_value, float(np.sqrt(max(0.0, squared - k * (1 / n + 1 / m))))
