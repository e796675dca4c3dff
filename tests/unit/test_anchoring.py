"""Anchoring: chance draws two arms, and blind answers confirm the answers in both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from goldloop.annotators.automation_bias import Observation, observations
from goldloop.core.annotations import Answer
from goldloop.core.chance import Arm, arm_of
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import Purpose

IDS = [sample_id_of(str(number).encode()) for number in range(4000)]
ONE = SampleId("one")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


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


def test_both_arms_have_the_set_share() -> None:
    """A tenth of 4,000 samples falls into each arm, up to chance."""
    arms = [arm_of(sample_id, hidden_share=0.1, seed=3) for sample_id in IDS]
    low, high = binom.ppf([0.001, 0.999], len(IDS), 0.1)

    assert low <= arms.count(Arm.HIDDEN) <= high
    assert low <= arms.count(Arm.SHOWN) <= high


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 9), st.sampled_from(IDS))
def test_a_larger_share_only_adds_to_the_arms(
    share: float, other: float, seed: int, sample_id: SampleId
) -> None:
    """A sample in an arm at a small share is in the same arm at a larger share; at 0 no sample is."""
    arm = arm_of(sample_id, hidden_share=min(share, other), seed=seed)
    assert arm is Arm.UNTESTED or arm_of(sample_id, hidden_share=max(share, other), seed=seed) is arm
    assert arm_of(sample_id, hidden_share=0, seed=seed) is Arm.UNTESTED


def test_the_answer_under_test_is_confirmed_by_a_blind_one() -> None:
    """In both arms, the first answer counts, and another annotator's blind answer confirms it."""
    checked = [
        answer(1, "cat", "ana", is_shown=True),
        answer(2, "cat", "ben", purpose=Purpose.RECHECK),
    ]
    hidden = [answer(1, "cat", "ana"), answer(2, "cat", "ben")]

    assert observations(checked, {}, {ONE: Arm.SHOWN}) == [Observation("dog", "cat", "cat", True, 4.0, ONE)]
    assert observations(hidden, {}, {ONE: Arm.HIDDEN}) == [Observation("dog", "cat", "cat", False, 4.0, ONE)]


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
    """A dispute needs an adjudicator, or two blind answers that agree; no annotator confirms themselves."""
    answers = [answer(1, "dog", "ana", is_shown=True)] + [
        answer(number, label, who, purpose=Purpose.RECHECK)
        for number, (label, who) in enumerate(others, start=2)
    ]

    (observation,) = observations(answers, {ONE: decision} if decision else {}, {ONE: Arm.SHOWN})

    assert observation.truth == truth


def test_what_was_not_drawn_beforehand_does_not_count() -> None:
    """Plain tasks, samples without an arm and tasks shown against the plan are left out."""
    answers = [answer(1, "cat", "ana", is_shown=True), answer(2, "cat", "ben", purpose=Purpose.RECHECK)]

    assert observations(answers, {}, {ONE: Arm.UNTESTED}) == []
    assert observations(answers, {}, {}) == []
    assert observations(answers, {}, {ONE: Arm.HIDDEN}) == []
    assert observations([answer(1, None, "ana", is_shown=True)], {}, {ONE: Arm.SHOWN}) == []


def test_an_edited_answer_has_no_time() -> None:
    """Its lead time holds two sittings; the label still counts."""
    (observation,) = observations([answer(1, "cat", "ana", edited_after_s=60)], {}, {ONE: Arm.HIDDEN})

    assert (observation.answer_label, observation.lead_time_s) == ("cat", None)


def test_a_night_before_the_screen_is_no_decision_time() -> None:
    """The label counts, the sixty hours do not."""
    night = replace(answer(1, "cat", "ana"), lead_time_s=216_000.0)
    (observation,) = observations([night], {}, {ONE: Arm.HIDDEN})

    assert (observation.answer_label, observation.lead_time_s) == ("cat", None)


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

    assert observations(answers, {}, {ONE: Arm.SHOWN}) == [Observation("dog", "dog", "cat", True, 4.0, ONE)]
