"""Metrics: every number has an interval that keeps its promise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy
from scipy.stats import binom

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.stats.comparison import paired_difference
from goldloop.stats.metrics import (
    Estimate,
    accuracy,
    effective_sample_size,
    effective_size,
    per_label,
    wilson,
)

PETS = LabelSet.of(["cat", "dog", "owl"])


def test_accuracy_is_wilsons_interval() -> None:
    """81 of 263 right is the textbook example: 0.3080 with limits 0.2553 and 0.3662."""
    estimate = accuracy(np.zeros(263, dtype=int), np.arange(263) >= 81)

    assert estimate.value == pytest.approx(81 / 263)
    assert (estimate.low, estimate.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_a_perfect_score_still_has_an_interval() -> None:
    """Ten of ten right still has an interval."""
    estimate = accuracy(np.ones(10, dtype=int), np.ones(10, dtype=int))

    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(0.7225, abs=1e-4)


def test_an_estimate_reads_as_one_line() -> None:
    """Value, interval and n; an interval too narrow for two digits gets a third."""
    assert str(Estimate(0.9125, 0.8671, 0.9440, 120)) == "0.912 [0.87, 0.94], n=120"
    assert str(Estimate(0.9125, 0.9061, 0.9184, 9000)) == "0.912 [0.906, 0.918], n=9000"


@pytest.mark.parametrize(
    "bad", [(0.5, 0.6, 0.7, 1), (0.5, 0.4, 0.45, 1), (0.5, 0.4, 0.6, 0), (np.nan, 0, 1, 5)]
)
def test_an_estimate_outside_its_interval_or_resting_on_nothing_cannot_exist(bad: tuple[float, ...]) -> None:
    """An impossible estimate is refused."""
    with pytest.raises(ValueError, match="an estimate needs n >= 1 and low <= value <= high"):
        Estimate(*bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [20, 100, 500])
def test_the_interval_of_a_share_covers_on_average_what_it_says(n: int) -> None:
    """Over true accuracies from 50 to 99 %, Wilson's interval holds the truth 95 % of the time, exactly."""
    hits = np.arange(n + 1)
    limits = np.array([wilson(k / n, n) for k in hits])
    truths = np.linspace(0.5, 0.99, 50)

    covered = [binom.pmf(hits, n, p)[(limits[:, 0] <= p) & (p <= limits[:, 1])].sum() for p in truths]

    assert 0.94 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("n", [10, 30, 100])
def test_the_interval_of_a_paired_difference_keeps_its_promise(n: int) -> None:
    """Enumerated, not simulated: coverage at least 93.5 % and of the lower bound alone at least 97.4 %.

    The models disagree on 2 to 40 % of samples, evenly or nearly all in one direction. The lower bound is
    what the gate rests on.
    """
    gained, lost = (grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    possible = gained + lost <= n
    gained, lost = gained[possible], lost[possible]
    interval = {}
    for up, down in zip(gained.tolist(), lost.tolist(), strict=True):
        flags = np.arange(n)
        estimate = paired_difference(flags < up, (flags >= up) & (flags < up + down))
        interval[up, down] = (estimate.low, estimate.high)
    low, high = np.array([interval[pair] for pair in zip(gained.tolist(), lost.tolist(), strict=True)]).T

    for disagreement, skew in product([0.02, 0.1, 0.4], [0.0, 0.5, 0.95]):
        p_gain = disagreement * (1 + skew) / 2
        p_loss = disagreement - p_gain
        rest = n - gained - lost
        chance = np.exp(
            gammaln(n + 1)
            - gammaln(gained + 1)
            - gammaln(lost + 1)
            - gammaln(rest + 1)
            + xlogy(gained, p_gain)
            + xlogy(lost, p_loss)
            + xlogy(rest, 1 - disagreement)
        )
        truth = p_gain - p_loss
        for sign_low, sign_high in [(low, high), (-high, -low)]:
            target = truth if sign_low is low else -truth
            assert chance[(sign_low <= target) & (target <= sign_high)].sum() >= 0.935
        assert chance[low <= truth].sum() >= 0.974


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_swapping_the_models_turns_the_difference_round(pairs: list[tuple[bool, bool]]) -> None:
    """The difference is that of the two accuracies, lies in its interval, and is antisymmetric."""
    ours, theirs = (np.array(side) for side in zip(*pairs, strict=True))

    there, back = paired_difference(ours, theirs), paired_difference(theirs, ours)

    assert there.value == pytest.approx(ours.mean() - theirs.mean())
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert -1 <= there.low <= there.value <= there.high <= 1


def test_equal_weights_change_nothing() -> None:
    """A constant inclusion probability is a plain random sample."""
    truth, predicted = np.array([0, 1, 2, 1, 0, 2]), np.array([0, 1, 1, 1, 0, 0])

    assert accuracy(truth, predicted, weights=[4.0] * 6) == accuracy(truth, predicted)
    assert paired_difference(truth == predicted, predicted == 1, weights=[4.0] * 6) == paired_difference(
        truth == predicted, predicted == 1
    )


def test_weights_remove_the_bias_of_an_uneven_draw_and_widen_the_interval() -> None:
    """90 hard samples at weight 1 and 10 easy ones at weight 9: the accuracy is that of the whole pool.

    They scatter like fewer than 100 equally weighted samples, but more than Kish's count, which would be
    right if the weights had nothing to do with being right.
    """
    is_right = np.concatenate([np.arange(90) < 45, np.ones(10, dtype=bool)])
    weights = np.concatenate([np.ones(90), np.full(10, 9.0)])

    estimate = accuracy(np.ones(100, dtype=int), is_right.astype(int), weights=weights)

    assert estimate.value == pytest.approx(0.75)
    assert estimate.n == 100
    assert effective_sample_size(weights) == pytest.approx(36)
    assert wilson(0.75, 36)[0] < estimate.low < wilson(0.75, 100)[0]
    assert wilson(0.75, 100)[1] < estimate.high < wilson(0.75, 36)[1]


def test_the_effective_size_is_near_the_expected_one_while_errors_are_few() -> None:
    """Without errors the expected design effect counts alone; with many errors the observed one."""
    assert effective_size(np.zeros(100), variance=0.1, expected=2.0) == (50, 0)

    for n_surprises, low, high in [(1, 50, 55), (8, 60, 75), (800, 98, 100)]:
        n = 100 * n_surprises
        pulls = np.where(np.arange(n) < n_surprises, 1.0, 0.0)  # as many as a plain draw would show
        size, rests_on = effective_size(pulls, variance=pulls.sum() * n, expected=2.0)
        assert rests_on == pytest.approx(n_surprises)
        assert low < 100 * size / n < high


def test_per_label_figures_by_eye() -> None:
    """Two of three cats found, one dog taken for a cat, owls never predicted and dogs found by half."""
    truth = np.array([0, 0, 0, 1, 1])
    predicted = np.array([0, 0, 1, 0, 1])

    cat, dog, owl = per_label(truth, predicted, labels=PETS)

    assert (cat.label, cat.n, dog.n, owl.n) == ("cat", 3, 2, 0)
    assert cat.precision is not None
    assert cat.recall is not None
    assert cat.f1 is not None
    assert dog.f1 is not None
    assert (cat.precision.value, cat.recall.value, cat.f1.value) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert dog.f1.value == pytest.approx(0.5)
    assert cat.f1.low < cat.f1.value < cat.f1.high
    assert (owl.precision, owl.recall, owl.f1) == (None, None, None)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_f1_is_the_harmonic_mean_wherever_both_parts_exist(pairs: list[tuple[int, int]]) -> None:
    """F1 agrees with its definition from precision and recall, and n adds up over the labels."""
    truth, predicted = (np.array(side) for side in zip(*pairs, strict=True))

    metrics = per_label(truth, predicted, labels=PETS)

    assert sum(metric.n for metric in metrics) == len(pairs)
    for metric in metrics:
        if metric.precision is None or metric.recall is None or metric.f1 is None:
            continue
        total = metric.precision.value + metric.recall.value
        assert metric.f1.value == pytest.approx(
            2 * metric.precision.value * metric.recall.value / total if total else 0
        )


def test_nothing_gives_no_number() -> None:
    """Zero samples are an error that says what to do, not an accuracy of 0 or nan."""
    none = np.zeros(0, dtype=int)

    with pytest.raises(
        EmptyPoolError, match="cannot compute an accuracy from 0 samples; label some audit samples"
    ):
        accuracy(none, none)
    with pytest.raises(EmptyPoolError, match="cannot compare models: the holdout is empty"):
        paired_difference(none, none)


def test_sides_of_different_length_are_refused() -> None:
    """Predictions of other samples than the truth are never compared, broadcast or cut."""
    with pytest.raises(LabelError, match=r"true columns have shape \(2,\), predicted columns \(1,\)"):
        accuracy([0, 1], [0])
    with pytest.raises(LabelError, match=r"evaluated on \(2,\) samples, the champion on \(1,\)"):
        paired_difference([True, False], [True])


def test_columns_and_weights_are_checked_at_the_edge() -> None:
    """A column outside the label set or a weight that is no weight is named with its row."""
    with pytest.raises(LabelError, match="column 3 of row 1 is outside the label set of 3 labels"):
        per_label([0, 3], [0, 1], labels=PETS)
    with pytest.raises(InvalidProbabilitiesError, match=r"weight -1\.0 of row 0 is not a positive number"):
        accuracy([0], [0], weights=[-1.0])
