"""Measures: intervals of medians, means and differences."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.stats.measures import Measure, difference, mean, median, share


def test_the_interval_of_a_median_covers() -> None:
    """Of 400 samples of skewed times at least 93 % of the intervals hold the median."""
    rng = np.random.default_rng(6)
    estimates = [median(rng.lognormal(1.0, 0.6, 40)).estimate for _ in range(400)]

    assert (
        np.mean([estimate.low <= np.exp(1.0) <= estimate.high for estimate in estimates if estimate]) >= 0.93
    )


def test_the_interval_of_a_mean_is_positive_and_covers() -> None:
    """Also where a plain interval would reach below zero."""
    rng = np.random.default_rng(7)
    estimates = [mean(rng.lognormal(1.0, 0.6, 40)).estimate for _ in range(400)]

    assert (
        np.mean([estimate.low <= np.exp(1.18) <= estimate.high for estimate in estimates if estimate]) >= 0.92
    )
    skewed = mean([0.01] * 9 + [100.0]).estimate
    assert skewed is not None
    assert skewed.low > 0


def test_a_difference_needs_both_sides() -> None:
    """Two shares of 50 have a difference, one share and too few have none."""
    fall = difference(share(20, 50), share(45, 50))

    assert fall.estimate is not None
    assert fall.estimate.value == pytest.approx(-0.5)
    assert fall.estimate.high < 0
    assert difference(share(3, 5), share(45, 50)) == Measure(5, None)
