"""Weighted k-means: finds separated clusters, ends at their means, and draws its seeds by distance."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.selection.clusters import k_means
from tests.unit.test_strategies import clustered


def test_k_means_finds_separated_clusters_and_weighs_their_centres() -> None:
    """Rows of one axis share a cluster; distances are those to the weighted mean, up to a constant."""
    features, axes = clustered([9, 5, 14])
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.1, 5, len(features))

    found = k_means(features, 3, rng, weights=weights).labels
    away = k_means(features, 1, rng, weights=weights).distances

    assert len({*zip(axes.tolist(), found.tolist(), strict=True)}) == 3
    centre = np.average(features, axis=0, weights=weights)
    slow = ((features - centre) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(away - away[0], slow - slow[0], atol=1e-5)


def test_k_means_ends_where_each_row_is_nearest_to_the_mean_of_its_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After many steps no row is nearer to another weighted mean than to its own."""
    monkeypatch.setattr("goldloop.selection.clusters.N_STEPS", 100)
    features, _ = clustered([80], spread=0.5)
    weights = np.random.default_rng(2).uniform(0.1, 5, len(features))
    labels = k_means(features, 6, np.random.default_rng(0), weights=weights).labels

    means = [np.average(features[labels == one], axis=0, weights=weights[labels == one]) for one in range(6)]
    away = np.stack([((features - mean) ** 2).sum(axis=1) for mean in means], axis=1)

    assert (away.argmin(axis=1) == labels).all()


def test_k_means_seeds_are_drawn_by_weight_and_squared_distance() -> None:
    """Three points at equal distances: after the first, the heavier of the other two is drawn in proportion.

    Of 600 pairs of seeds, those without the light point (weight 1 beside 10 and 10) are 91 % (sd 1.2).
    """
    features = np.eye(3, dtype=np.float32)
    rng = np.random.default_rng(0)
    without = 0
    for _ in range(600):
        clusters = k_means(features, 2, rng, weights=np.array([1.0, 10.0, 10.0]))
        without += clusters.labels[1] != clusters.labels[2]

    first_light = 1 / 21
    expected = 1 - first_light - (1 - first_light) * 1 / 11
    assert abs(without / 600 - expected) < 0.05
