"""The gate rarely promotes a model that is no better, and promotes one that clearly is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from scripts.bench.guarantees.gate import DEFAULTS, GAINS, Pair, asked, pair_of, refused_for_fall
from scripts.bench.outputs import calibrated_population, simulated_outputs
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical

PROMISED = 0.05  # false promotions


@cache
def models() -> Pair:
    """Return two models of 5,000 simulated samples."""
    return pair_of(*calibrated_population(simulated_outputs(5000, seed=0), seed=0), seed=0)


def promoted(rule: str, gain: float, size: int, n: int) -> list[bool]:
    """Return whether each of `n` challengers of this true gain passes the gate."""
    refusals = asked(models(), size=size, design="uniform", gain=gain, n=n, seed=1)[rule]
    return [not refusal for refusal in refusals]


@pytest.mark.parametrize("size", [100, 300, 1000])
def test_superiority_rarely_promotes_an_equal(size: int) -> None:
    """A challenger that is as good as the champion is promoted in at most 5 % of holdouts."""
    assert at_most(promoted("superiority", 0.0, size, 200), PROMISED)


@pytest.mark.parametrize("size", [100, 300, 1000])
def test_non_inferiority_rarely_promotes_a_loss_of_the_margin(size: int) -> None:
    """A challenger that is worse by the margin is promoted in at most 5 % of holdouts."""
    assert at_most(promoted("non_inferiority", -DEFAULTS.margin, size, 200), PROMISED)


def test_a_large_gain_is_promoted() -> None:
    """With 1,000 samples a gain of five points passes both rules in at least 80 % of holdouts."""
    for rule in ("superiority", "non_inferiority"):
        assert at_least(promoted(rule, GAINS[-1], 1000, 60), 0.80)


def test_an_allowed_fall_of_one_label_is_rarely_refused() -> None:
    """A fall of one recall by what is allowed is refused in at most 5 % of holdouts, a large one often."""
    allowed = refused_for_fall(models(), size=1000, fall=DEFAULTS.max_class_fall, n=200, seed=1)
    large = refused_for_fall(models(), size=1000, fall=0.50, n=60, seed=1)

    assert at_most(allowed, PROMISED)
    assert at_least(large, 0.80)
    assert np.mean(large) > np.mean(allowed)
