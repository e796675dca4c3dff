"""Clusters: samples of one author are worth fewer independent ones; alone they are worth what they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.audit.estimates import share_of_traffic
from goldloop.core.labels import LabelSet
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.comparison import compare
from goldloop.stats.metrics import per_label, share_estimate
from goldloop.stats.reliability import calibration_error

N = 120
PAIRS = np.repeat(np.arange(N // 2), 2)
RIGHT = np.repeat(np.arange(N // 2) % 6 > 0, 2)
SURE = np.linspace(0.55, 0.99, N)
PROBS = np.stack([SURE, 1 - SURE], axis=1)


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_samples_without_company_are_worth_what_they_were(right: list[bool]) -> None:
    """The estimate is the same, to the last digit, whether each sample is its own cluster or none is told."""
    assert share_estimate(right, clusters=np.arange(len(right))) == share_estimate(right)


def test_authors_who_are_right_or_wrong_throughout_count_once() -> None:
    """With many pairs the factor goes to 2, and without any correlation to 1."""
    deviations = RIGHT - RIGHT.mean()
    many = np.repeat(np.arange(2000), 2)
    rng = np.random.default_rng(0)
    same, independent = np.repeat(rng.random(2000) < 0.8, 2), rng.random(4000) < 0.8

    assert 1.7 < cluster_effect(deviations, np.ones(N), PAIRS) < 2.0
    assert cluster_effect(same - same.mean(), np.ones(4000), many) == pytest.approx(2, abs=0.02)
    assert cluster_effect(independent - independent.mean(), np.ones(4000), many) == pytest.approx(1, abs=0.06)


def test_one_author_with_many_posts_weighs_more_than_many_with_two() -> None:
    """The size of a cluster is that of the cluster of a sample."""
    deviations = np.tile([0.2, -0.8, 0.2, 0.2], 30)
    one = np.where(np.arange(N) < 60, 1000, np.arange(N))

    assert cluster_effect(deviations, np.ones(N), one) > cluster_effect(deviations, np.ones(N), PAIRS)


def width(estimate: object) -> float:
    """Return the width of an interval."""
    return estimate.high - estimate.low  # type: ignore[attr-defined]


def test_every_interval_of_the_audit_is_wider_where_authors_repeat() -> None:
    """Accuracy of the traffic and of the holdout, by label, the gate's difference, the calibration error."""
    labels, truth = LabelSet.of(["fine", "spam"]), np.where(RIGHT, 0, 1)
    before = RIGHT & (np.arange(N) < 90)

    def intervals(clusters: np.ndarray | None) -> list[float]:
        found = compare(RIGHT, before, truth, labels=labels, clusters=clusters)
        metrics = per_label(truth, np.zeros(N, dtype=np.intp), labels=labels, clusters=clusters)
        return [
            width(share_of_traffic(RIGHT, SURE, SURE, clusters=clusters)),
            width(share_estimate(RIGHT, clusters=clusters)),
            width(metrics[0].precision),
            width(metrics[0].f1),
            width(found.accuracy),
            width(found.recalls["fine"]),
            width(calibration_error(PROBS, truth, clusters=clusters)),
        ]

    for alone, together in zip(intervals(None), intervals(PAIRS), strict=True):
        assert together > alone
