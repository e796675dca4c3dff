"""The adoption gap is in its interval, and suggestions are rarely switched off without cause."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.annotators.automation_bias import Observation, time_ratio
from goldloop.stats.metrics import Estimate
from scripts.bench.labels.automation_bias import (
    Habits,
    first_switches,
    gap_of_project,
    gaps_of_counts,
)
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical

TRUE_RATIO, IDLE_SHARE, IDLE_S = 0.7, 0.03, 600.0


@pytest.mark.parametrize("adoption", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("n_per_arm", [20, 60])
def test_the_gap_is_in_its_interval(adoption: float, n_per_arm: int) -> None:
    """Where the truth is known, the interval holds the true gap in at least 94 %."""
    habits, rng = Habits(adoption, blind=0.1), np.random.default_rng(1)
    gaps = [gap.difference for gap in gaps_of_counts(habits, rng, n=1000, n_per_arm=n_per_arm)]

    assert at_least([gap is not None and gap.low <= habits.gap <= gap.high for gap in gaps], 0.94)


def test_the_gap_from_answers_is_nearly_as_good() -> None:
    """Where truth has to come from people the interval holds the gap in at least 90 %."""
    habits, rng = Habits(0.3, blind=0.1), np.random.default_rng(1)
    gaps = [gap_of_project(habits, rng, n_per_arm=60).difference for _ in range(150)]

    assert at_least([gap is not None and gap.low <= habits.gap <= gap.high for gap in gaps], 0.90)


def test_the_time_ratio_is_in_its_interval() -> None:
    """With 60 answers an arm, some of them idle, the interval holds the ratio in at least 93 %."""
    ratios = time_ratios(np.random.default_rng(1), n=500, n_per_arm=60)

    assert at_least([ratio.low <= TRUE_RATIO <= ratio.high for ratio in ratios], 0.93)


@pytest.mark.parametrize("blind", [0.1, 0.5])
def test_suggestions_that_pull_nobody_stay_on(blind: float) -> None:
    """In at most 5 % of projects anything is ever switched off over two years of weekly looks."""
    switches = first_switches(Habits(0.0, blind), np.random.default_rng(1), n=100, a_week=10)

    assert at_most([switch is not None for switch in switches], 0.05)


def test_a_large_gap_switches_suggestions_off() -> None:
    """A gap of 0.45 is acted on in every project."""
    switches = first_switches(Habits(0.5, 0.1), np.random.default_rng(1), n=100, a_week=5)

    assert at_least([switch is not None for switch in switches], 0.99)


def time_ratios(rng: np.random.Generator, *, n: int, n_per_arm: int) -> list[Estimate]:
    """Return `n` time ratios of log-normal decision times, three in a hundred of them idle."""
    ratios = []
    for _ in range(n):
        times = np.exp(rng.normal(np.log(4.0), 0.5, 2 * n_per_arm))
        times[rng.random(2 * n_per_arm) < IDLE_SHARE] += IDLE_S
        times[:n_per_arm] *= TRUE_RATIO
        seen = [
            Observation("s", "s", None, place < n_per_arm, time) for place, time in enumerate(times.tolist())
        ]
        ratios.append(time_ratio(seen))
    return [ratio for ratio in ratios if ratio is not None]
