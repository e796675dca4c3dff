"""Statistics: whether two sets of counts, or two means, differ by more than chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, f

from goldloop.drift.sketches import Sketch

LEAST_EXPECTED = 5.0
"""Fewest counts a cell should have if nothing moved; smaller ones are put together [cochran1954]."""

_FLAT = 1e-6  # an axis with less of the largest variance is none: there were fewer features than directions
_CONSTANT = 1e-10  # a feature with less of its square in its scatter is constant, up to rounding

Counts = npt.NDArray[np.int64]


def homogeneity(now: Counts, before: Counts, *, is_ordered: bool) -> tuple[float, float]:
    """Return Pearson's chi-square that both counts (k,) have the same shares, and its p-value.

    Cells too small for it are joined to their neighbours, or, where the order means nothing, to each other.
    """
    cells = _joined(now, before, is_ordered=is_ordered)
    totals = cells.sum(axis=1, keepdims=True)
    expected = totals * cells.sum(axis=0) / totals.sum()
    statistic = float(((cells - expected) ** 2 / expected).sum())
    degrees = cells.shape[1] - 1
    return statistic, float(chi2.sf(statistic, degrees)) if degrees else 1.0


def _joined(now: Counts, before: Counts, *, is_ordered: bool) -> npt.NDArray[np.float64]:
    """Counts (2, cells) in which the smaller side expects LEAST_EXPECTED or more in every cell."""
    both = np.array([now, before], dtype=np.float64)
    share = both.sum(axis=1).min() / both.sum()
    if not is_ordered:  # by size, so that the order of the labels means nothing
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
    """Return how far the mean embedding moved: Hotelling's T2 [hotelling1931], its p-value, and the distance.

    The distance is Mahalanobis', in standard deviations of a single embedding, with what chance adds to it
    taken off; 0 where nothing moved.
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
