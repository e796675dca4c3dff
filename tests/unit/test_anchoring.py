"""Automation bias is measured in two random arms, and suggestions are turned off only when it is proven."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from goldloop.annotators.anchoring import Observation, observations
from goldloop.annotators.automation_bias import (
    MIN_PER_ARM,
    AdoptionGap,
    accuracy_by_arm,
    adoption_gap,
    gap_of_counts,
    measure_automation_bias,
    time_ratio,
)
from goldloop.annotators.prefill_advice import recommend
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm, arm_of
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.stats.metrics import share_estimate

IDS = [sample_id_of(str(number).encode()) for number in range(4000)]
ONE = SampleId("one")
PETS = LabelSet.of(["cat", "dog", "owl"])
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
BLIND = 0.1  # a blind annotator gives the wrong label that the model has in mind this often


def answer(
    number: int,
    label: str | None,
    annotator: str,
    *,
    purpose: Purpose = Purpose.REVIEW,
    is_shown: bool = False,
    edited_after_s: float = 0.0,
) -> Answer:
    """Return the answer given `number` minutes after the start; the model suggests, or would, a dog."""
    moment = MONDAY + timedelta(minutes=number)
    suggested = "dog" if purpose is Purpose.REVIEW else None
    edited = moment + timedelta(seconds=edited_after_s)
    return Answer(number, ONE, purpose, annotator, label, None, 0, moment, edited, 4.0, suggested, is_shown)


def wrong(is_shown: bool, is_adopted: bool, label: str = "dog") -> Observation:
    """Return an observation of a wrong suggestion of `label`."""
    return Observation(label, label if is_adopted else "cat", "cat", is_shown, 4.0)


def counts(
    random: np.random.Generator, adoption: float, size: tuple[int, ...], n_per_arm: float
) -> npt.NDArray[np.int64]:
    """Return (*size, 4): adopted and all wrong suggestions shown, then hidden; their numbers are Poisson."""
    n_shown, n_hidden = (random.poisson(n_per_arm, size) for _ in range(2))
    shown = random.binomial(n_shown, adoption + (1 - adoption) * BLIND)
    return np.stack([shown, n_shown, random.binomial(n_hidden, BLIND), n_hidden], axis=-1)


def gap_of(row: npt.NDArray[np.int64], label: str | None = None) -> AdoptionGap:
    """Return the gap of one row of `counts`."""
    x, m, y, n = row.tolist()
    return gap_of_counts(label, shown=(x, m), hidden=(y, n))


# The arms


def test_both_arms_have_the_set_share() -> None:
    """A tenth of 4,000 samples falls into each arm, up to chance."""
    arms = [arm_of(one, hidden_share=0.1, seed=3) for one in IDS]
    low, high = binom.ppf([0.001, 0.999], len(IDS), 0.1)

    assert low <= arms.count(Arm.HIDDEN) <= high
    assert low <= arms.count(Arm.SHOWN) <= high


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 9), st.sampled_from(IDS))
def test_a_larger_share_only_adds_to_the_arms(
    one: float, other: float, seed: int, sample_id: SampleId
) -> None:
    """Who is in an arm at a small share is in the same arm at a larger one; at 0 nobody is."""
    arm = arm_of(sample_id, hidden_share=min(one, other), seed=seed)
    assert arm is Arm.UNTESTED or arm_of(sample_id, hidden_share=max(one, other), seed=seed) is arm
    assert arm_of(sample_id, hidden_share=0, seed=seed) is Arm.UNTESTED


# From answers to observations


def test_the_answer_under_test_is_confirmed_by_a_blind_one() -> None:
    """Shown and hidden alike: the first answer counts, a blind answer of somebody else says what is true."""
    checked = [
        answer(1, "cat", "ana", is_shown=True),
        answer(2, "cat", "ben", purpose=Purpose.RECHECK),
    ]
    hidden = [answer(1, "cat", "ana"), answer(2, "cat", "ben")]

    assert observations(checked, {}, {ONE: Arm.SHOWN}) == [Observation("dog", "cat", "cat", True, 4.0)]
    assert observations(hidden, {}, {ONE: Arm.HIDDEN}) == [Observation("dog", "cat", "cat", False, 4.0)]


@pytest.mark.parametrize(
    ("others", "decision", "truth"),
    [
        ([], None, None),
        ([("cat", "ben")], None, None),
        ([("cat", "ben")], "cat", "cat"),
        ([("cat", "ben"), ("dog", "cleo")], None, None),
        ([("cat", "ben"), ("owl", "cleo"), ("cat", "dora")], None, "cat"),
        ([("dog", "ana")], None, None),
        ([("cat", "ana")], None, None),
        ([("cat", "ana"), ("cat", "ben")], None, "cat"),
        ([("cat", "ana"), ("dog", "ben")], None, "dog"),
        ([(None, "ben"), ("dog", "cleo")], None, "dog"),
    ],
    ids=[
        "alone",
        "disputed",
        "decided",
        "own word",
        "two others",
        "himself",
        "second thoughts",
        "two with second thoughts",
        "alone with them",
        "skip",
    ],
)
def test_truth_never_rests_on_the_answer_alone(
    others: list[tuple[str | None, str]], decision: str | None, truth: str | None
) -> None:
    """A dispute needs an adjudicator, or two people who agree blind; nobody confirms himself."""
    answers = [answer(1, "dog", "ana", is_shown=True)] + [
        answer(number, label, who, purpose=Purpose.RECHECK)
        for number, (label, who) in enumerate(others, start=2)
    ]

    (found,) = observations(answers, {ONE: decision} if decision else {}, {ONE: Arm.SHOWN})

    assert found.truth == truth


def test_what_was_not_drawn_beforehand_does_not_count() -> None:
    """Plain tasks, samples without an arm and tasks shown against the plan are left out."""
    answers = [answer(1, "cat", "ana", is_shown=True), answer(2, "cat", "ben", purpose=Purpose.RECHECK)]

    assert observations(answers, {}, {ONE: Arm.UNTESTED}) == []
    assert observations(answers, {}, {}) == []
    assert observations(answers, {}, {ONE: Arm.HIDDEN}) == []
    assert observations([answer(1, None, "ana", is_shown=True)], {}, {ONE: Arm.SHOWN}) == []


def test_an_edited_answer_has_no_time() -> None:
    """Its lead time holds two sittings; the label still counts."""
    (found,) = observations([answer(1, "cat", "ana", edited_after_s=60)], {}, {ONE: Arm.HIDDEN})

    assert (found.answer_label, found.lead_time_s) == ("cat", None)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(random: object) -> None:
    """Shuffled answers give the same observation."""
    answers = [
        answer(1, "dog", "ana", is_shown=True),
        answer(2, "cat", "ben", purpose=Purpose.RECHECK),
        answer(3, "cat", "cleo", purpose=Purpose.RECHECK),
        answer(4, "owl", "ana", is_shown=True),
    ]
    random.shuffle(answers)  # type: ignore[attr-defined]

    assert observations(answers, {}, {ONE: Arm.SHOWN}) == [Observation("dog", "dog", "cat", True, 4.0)]


# The gap


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
        np.array([[getattr(one, name) for one in row] for row in gaps]) for name in ("value", "low", "high")
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
    found = [gap.difference for gap in map(gap_of, rows) if gap.difference is not None]
    true = adoption * (1 - BLIND)
    errors = np.array([one.value for one in found]) - true

    assert len(found) == 1000
    assert abs(errors.mean()) <= 3 * errors.std(ddof=1) / np.sqrt(len(errors))
    assert sum(one.low <= true <= one.high for one in found) >= binom.ppf(0.001, len(found), 0.95)


def test_accuracy_by_arm_splits_by_whether_the_suggestion_was_right() -> None:
    """Right and wrong suggestions are kept apart; open cases are left out."""
    seen = [wrong(True, True), wrong(True, False), Observation("dog", "dog", "dog", False, None)]
    seen.append(Observation("dog", "dog", None, False, None))

    found = accuracy_by_arm(seen)

    assert {case: one.value for case, one in found.items()} == {(True, False): 0.5, (False, True): 1.0}


# Time


def test_the_time_saved_is_a_ratio_of_medians_that_pauses_do_not_move() -> None:
    """Three seconds shown against four hidden is 0.75, whether somebody had lunch or not."""
    shown = [2.0, 2.5, 2.8, 3.0, 3.0, 3.0, 3.0, 3.2, 3.5, 4.0, 5.0]
    hidden = [one * 4 / 3 for one in shown]

    def ratio(longest: float) -> float:
        times = [(True, one) for one in [*shown[:-1], longest]] + [(False, one) for one in hidden]
        found = time_ratio([Observation("dog", "cat", None, is_shown, one) for is_shown, one in times])
        assert found is not None
        return found.value

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
        seen = [Observation("dog", "cat", None, row < 60, one) for row, one in enumerate(times.tolist())]
        found = time_ratio(seen)
        n_covered += found is not None and found.low <= true <= found.high

    assert n_covered >= binom.ppf(0.001, 1000, 0.95)


# The switch


def test_suggestions_stay_on_while_there_is_too_little_evidence() -> None:
    """Nothing seen yet, and a wide interval around a small gap, leave them on and say why."""
    nothing = measure_automation_bias([], labels=PETS)
    young = gap_of_counts(None, shown=(2, 12), hidden=(1, 12))

    advice = recommend(nothing.gap, nothing.by_label, max_gap=0.1)
    assert advice.is_on
    assert advice.off_labels == ()
    assert "too few" in advice.reasons[0]
    assert young.difference is not None
    assert young.difference.high > 0.1
    assert recommend(young, [], max_gap=0.1).is_on


def test_a_sure_gap_below_the_limit_stays_on() -> None:
    """Two points for sure, less than five at most, is no reason to switch off at a limit of ten."""
    gap = gap_of_counts(None, shown=(600, 10_000), hidden=(300, 10_000))

    assert recommend(gap, [], max_gap=0.1).is_on
    assert not recommend(gap, [], max_gap=0.03).is_on


def test_one_label_alone_is_switched_off() -> None:
    """Dogs mislead, everything together does not: dogs go off, with the reason."""
    seen = [wrong(True, number < 20) for number in range(25)]
    seen += [wrong(False, number < 2) for number in range(25)]
    seen += [wrong(number % 2 == 0, number % 20 < 2, "owl") for number in range(1000)]
    found = measure_automation_bias(seen, labels=PETS)

    advice = recommend(found.gap, found.by_label, max_gap=0.1)

    assert advice.is_on
    assert advice.off_labels == ("dog",)
    assert advice.reasons[1].startswith("off for dog: adoption gap 0.720 [")
    assert [advice.is_shown(Arm.UNTESTED, label) for label in PETS] == [True, False, True]


def test_the_arms_go_on_measuring_when_suggestions_are_off() -> None:
    """A project that is switched off still shows the shown arm and hides the hidden one."""
    advice = recommend(gap_of_counts(None, shown=(40, 50), hidden=(5, 50)), [], max_gap=0.1)

    assert not advice.is_on
    assert advice.is_shown(Arm.SHOWN, "dog")
    assert not advice.is_shown(Arm.HIDDEN, "dog")
    assert not advice.is_shown(Arm.UNTESTED, "dog")


def is_ever_off(weeks: npt.NDArray[np.int64]) -> bool:
    """Return whether any weekly look at the growing counts (n_weeks, n_labels, 4) switches anything off."""
    for labels in weeks.cumsum(axis=0):
        by_label = [gap_of(row, str(place)) for place, row in enumerate(labels)]
        advice = recommend(gap_of(labels.sum(axis=0)), by_label, max_gap=0.1)
        if not advice.is_on or advice.off_labels:
            return True
    return False


def test_without_anchoring_suggestions_stay_on_for_half_a_year() -> None:
    """Of 1,000 projects looked at weekly, surely fewer than one in twenty is ever switched off."""
    projects = counts(np.random.default_rng(2), 0.0, (1000, 26, 3), 3)

    assert share_estimate([is_ever_off(weeks) for weeks in projects]).high <= 0.05


def test_strong_anchoring_is_switched_off_soon() -> None:
    """A gap of 0.45, nine wrong suggestions an arm a week: nine projects in ten are off in eight weeks."""
    projects = counts(np.random.default_rng(3), 0.5, (300, 8, 3), 3)

    assert share_estimate([is_ever_off(weeks) for weeks in projects]).low >= 0.9
