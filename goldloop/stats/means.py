"""Means: the weighted mean of amounts on samples that were drawn at random, with its interval."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from goldloop.stats.clusters import cluster_effect
from goldloop.stats.metrics import Z_95, Estimate, checked_weights


def mean_estimate(
    values: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    z: float = Z_95,
    unseen: float = 0.0,
) -> Estimate:
    """Return the weighted mean of `values` (n,) with its normal interval [hajek1971], by default of 95 %.

    `weights` (n,) are inverse inclusion probabilities, `clusters` (n,) tell which samples belong together.
    `unseen` is what one more error would add to one value. The interval is that of two more errors, one in
    each direction, because few samples without an error do not prove that there are none.

    >>> print(mean_estimate([0.0, 0.0, 4.0, 4.0]))
    2.000 [-0.26, 4.26], n=4

    Raises:
        LabelError: weights of another shape.
    """
    amounts = np.asarray(values, dtype=np.float64)
    n = len(amounts)
    parts = checked_weights(weights, n)
    parts = parts / parts.sum()
    mean = float(parts @ amounts)
    spread = np.square(parts * (amounts - mean)).sum() * n / max(n - 1, 1)
    spread *= cluster_effect(amounts - mean, parts, clusters)
    half = z * sqrt(float(spread) + 2 * unseen**2 * float(np.square(parts).sum()) / n)
    return Estimate(mean, mean - half, mean + half, n)
