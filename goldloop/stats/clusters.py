"""Clusters: how much samples that belong together, such as the posts of one author, say less than others.

A model that is wrong about one post of an author is more often wrong about the next one. Audits of few
authors are therefore worth fewer independent audits; the ratio is the design effect of clusters [kish1965].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

USUAL_CORRELATION = 0.1
"""Correlation of two samples of a cluster before anything is seen."""

PRIOR_DEGREES = 8.0
"""Weight of USUAL_CORRELATION in `cluster_effect`, as a number of equally large clusters.

With few clusters or few errors the observed effect is mostly chance. The coverage is measured by
`python -m scripts.bench.guarantees --part clusters`.
"""


def cluster_effect(deviations: Floats, parts: Floats, clusters: npt.ArrayLike | None) -> float:
    """Return the factor, at least 1, by which clusters raise the variance of a weighted mean.

    `deviations` (n,) are the values minus what is expected of them, `parts` (n,) the weights, `clusters` (n,)
    tell which samples belong together. The factor is the sum of the squared totals of clusters over that of
    samples, both weighted. It is shrunk towards the factor of USUAL_CORRELATION, with the weight that the
    clusters have as evidence: many small ones show more than a large one [satterthwaite1946].

    Of 40 audits, two of each author, either both are right or both are wrong:

    >>> right = np.repeat(np.arange(20) < 16, 2) - 0.8
    >>> round(cluster_effect(right, np.ones(40), np.repeat(np.arange(20), 2)), 2)
    1.74
    """
    if clusters is None:
        return 1.0
    _, places = np.unique(np.asarray(clusters), return_inverse=True)
    if places.size == 0 or int(places.max()) + 1 == places.size:
        return 1.0
    alone = np.square(parts)
    of_clusters = np.square(np.bincount(places, parts))
    usual = (1 - USUAL_CORRELATION) * np.bincount(places, alone) + USUAL_CORRELATION * of_clusters
    expected = float(usual.sum() / alone.sum())
    spread = float((alone * np.square(deviations)).sum())
    if spread <= 0:
        return expected
    observed = float(np.square(np.bincount(places, parts * deviations)).sum()) / spread
    degrees = float(usual.sum() ** 2 / np.square(usual).sum())
    return max(1.0, (degrees * observed + PRIOR_DEGREES * expected) / (degrees + PRIOR_DEGREES))
