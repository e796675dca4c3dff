"""Automation bias: the adoption gap between the arms, and the time that suggestions save."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from goldloop.annotators.automation_bias import (
    MIN_PER_ARM,
    Observation,
    accuracy_by_arm,
    adoption_gap,
    gap_of_counts,
    time_ratio,
)
from tests.unit.adoption_counts import BLIND, counts, gap_of, wrong


def test_gap_by_eye() -> None:
    """Half of 20 wrong suggestions shown are adopted, a tenth of 20 hidden: a gap of 0.40."""
    seen = [wrong(True, number < 10) for number in range(20)]
    seen += [wrong(False, number < 2) for number in range(20)]
    seen += [Observation("dog", "dog", "dog", True, 4.0), Observation("dog", "cat", None, True, 4.0)]

    gap = adoption_gap(seen)

    assert gap.difference is not None
    assert gap.shortage is None
    assert gap.difference.value == pytest.approx(0.4)
    assert (gap.difference.low, gap.difference.high) == pytest.approx((0.1102, 0.6171), abs=1e-4)
    assert (gap.n_shown, gap.n_hidden) == (20, 20)
    assert adoption_gap(seen, label="owl").shortage is not None


def test_too_few_is_a_sentence_and_no_number() -> None:
    """Nine wrong suggestions in an arm give no figure, however many the other has."""
    gap = gap_of_counts(None, shown=(5, 50), hidden=(0, MIN_PER_ARM - 1))

    assert gap.difference is None
    assert gap.shortage == "too few: 50 wrong suggestions shown and 9 hidden; at least 10 of each are needed"


@pytest.mark.parametrize(("n_shown", "n_hidden"), [(10, 10), (20, 20), (10, 30), (60, 60)])
def test_the_gap_is_unbiased_and_its_interval_covers(n_shown: int, n_hidden: int) -> None:
    """Enumerated over every outcome: the mean estimate is the true gap, and 93.5 % of intervals hold it."""
    gaps = [
        [
            gap_of_counts(None, shown=(x, n_shown), hidden=(y, n_hidden)).difference
            for y in range(n_hidden + 1)
        ]
        for x in range(n_shown + 1)
    ]
    value, low, high = (
        np.array([[getattr(estimate, name) for estimate in row] for row in gaps])
        for name in ("value", "low", "high")
    )
    for blind in (0.02, 0.1, 0.3):
        for true in (0.0, 0.1, 0.3, 0.5):
            chance = np.outer(
                binom.pmf(np.arange(n_shown + 1), n_shown, blind + true),
                binom.pmf(np.arange(n_hidden + 1), n_hidden, blind),
            )
            assert (chance * value).sum() == pytest.approx(true, abs=1e-9)
            assert chance[(low <= true) & (true <= high)].sum() >= 0.935


@pytest.mark.parametrize("adoption", [0.0, 0.3, 0.6])
def test_a_known_adoption_is_found_in_a_thousand_repeats(adoption: float) -> None:
    """The mean error is chance, and no fewer intervals cover than 95 % would let expect."""
    rows = counts(np.random.default_rng(5), adoption, (1000,), 60)
    gaps = [gap.difference for gap in map(gap_of, rows) if gap.difference is not None]
    true = adoption * (1 - BLIND)
    errors = np.array([estimate.value for estimate in gaps]) - true

    assert len(gaps) == 1000
    assert abs(errors.mean()) <= 3 * errors.std(ddof=1) / np.sqrt(len(errors))
    assert sum(estimate.low <= true <= estimate.high for estimate in gaps) >= binom.ppf(
        0.001, len(gaps), 0.95
    )


def test_accuracy_by_arm_splits_by_whether_the_suggestion_was_right() -> None:
    """Right and wrong suggestions are kept apart; open cases are left out."""
    seen = [wrong(True, True), wrong(True, False), Observation("dog", "dog", "dog", False, None)]
    seen.append(Observation("dog", "dog", None, False, None))

    accuracies = accuracy_by_arm(seen)

    assert {case: accuracy.value for case, accuracy in accuracies.items()} == {
        (True, False): 0.5,
        (False, True): 1.0,
    }


def test_the_time_saved_is_a_ratio_of_medians_that_pauses_do_not_move() -> None:
    """Three seconds shown against four hidden is 0.75, with or without a long pause."""
    shown = [2.0, 2.5, 2.8, 3.0, 3.0, 3.0, 3.0, 3.2, 3.5, 4.0, 5.0]
    hidden = [time * 4 / 3 for time in shown]

    def ratio(longest: float) -> float:
        times = [(True, time) for time in [*shown[:-1], longest]] + [(False, time) for time in hidden]
        estimate = time_ratio([Observation("dog", "cat", None, is_shown, time) for is_shown, time in times])
        assert estimate is not None
        return estimate.value

    assert ratio(5.0) == pytest.approx(0.75)
    assert ratio(3600.0) == pytest.approx(0.75)


def test_too_few_times_give_no_ratio() -> None:
    """Nine times in an arm, or times that are unknown, are too few."""
    seen = [Observation("dog", "cat", None, place < 9, 4.0) for place in range(40)]
    seen += [Observation("dog", "cat", None, True, None)] * 20

    assert time_ratio(seen) is None


def test_the_interval_of_the_time_ratio_covers() -> None:
    """Log-normal times of which one in thirty is a pause: 1,000 intervals cover as 95 % would let expect."""
    random, true, n_covered = np.random.default_rng(1), 0.7, 0
    for _ in range(1000):
        times = np.exp(random.normal(1.4, 0.5, 120))
        times[random.random(120) < 1 / 30] += 600
        times[:60] *= true
        seen = [Observation("dog", "cat", None, row < 60, time) for row, time in enumerate(times.tolist())]
        ratio = time_ratio(seen)
        n_covered += ratio is not None and ratio.low <= true <= ratio.high

    assert n_covered >= binom.ppf(0.001, 1000, 0.95)
