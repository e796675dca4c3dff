"""What a target policy accepts misses its target no more often than delta allows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from scripts.bench.guarantees.target import DELTA, Population, misses, thresholds, uniform_audits
from scripts.bench.outputs import calibrated_population, simulated_outputs
from tests.statistical.promises import at_most

pytestmark = pytest.mark.statistical

REPEATS = 400


@cache
def population() -> Population:
    """Return 5,000 simulated samples."""
    return Population(*calibrated_population(simulated_outputs(5000, seed=0), seed=0))


@pytest.mark.parametrize("target", [0.95, 0.98])
@pytest.mark.parametrize("size", [500, 1000])
def test_the_target_is_rarely_missed(target: float, size: int) -> None:
    """At most 5 % of resampled audits certify a threshold whose accepted samples miss the target."""
    sure, right = uniform_audits(population(), size, n=REPEATS, seed=1)

    assert at_most(misses(population(), thresholds("goldloop", sure, right, target), target), DELTA)


def test_a_naive_threshold_misses_the_target() -> None:
    """The check has power: the lowest threshold that looks good enough breaks the promise."""
    sure, right = uniform_audits(population(), 500, n=100, seed=1)

    assert not at_most(misses(population(), thresholds("naive", sure, right, 0.95), 0.95), DELTA)


def test_a_border_case_keeps_the_promise() -> None:
    """A model that is equally wrong everywhere, right at the border, is accepted in at most 5 %."""
    rng = np.random.default_rng(2)
    sure = np.sort(rng.uniform(0.9, 1, (REPEATS, 500)))[:, ::-1]
    right = rng.random((REPEATS, 500)) < 0.95 - 1e-9
    accepted = [threshold is not None for threshold in thresholds("goldloop", sure, right, 0.95)]

    assert at_most(accepted, DELTA)
