"""Annotator accuracy: unbiased, with intervals that cover, measured on blind answers only."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.annotators.profiles import annotator_profiles
from goldloop.annotators.skill import accuracy_against, wrong_answers
from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import Estimate, wilson
from tests.unit.assessed_answers import BAR, LABELS, honeypots, judged, measured, simulated


@pytest.mark.parametrize(("n_right", "n"), [(0, 30), (27, 30), (30, 30), (111, 120)])
def test_with_known_labels_it_is_the_plain_share_with_wilsons_interval(n_right: int, n: int) -> None:
    """Known labels are the special case in which nothing is uncertain."""
    person = measured(honeypots(n_right, n))

    expected = Estimate(n_right / n, *wilson(n_right / n, n), n)
    for accuracy in (person.accuracy, person.on_honeypots):
        assert accuracy.estimate is not None
        assert asdict(accuracy.estimate) == pytest.approx(asdict(expected), abs=1e-6)
    assert person.against_others == Measure(0, None)


@pytest.mark.parametrize("skill", [0.98, 0.9, 0.75, 0.1])
def test_against_unsure_others_it_is_unbiased_and_its_interval_covers(skill: float) -> None:
    """Against two voters, right in 90 and 75 %, a third annotator's accuracy is unbiased."""
    rng = np.random.default_rng(1)
    wrong = wrong_answers(*simulated(0.8, 1000, rng))  # everybody's
    estimates = [accuracy_against(*simulated(skill, 120, rng), wrong).estimate for _ in range(400)]

    values = [estimate.value for estimate in estimates if estimate]
    assert np.mean(values) == pytest.approx(skill, abs=0.015)
    assert (
        0.91
        <= np.mean([estimate.low <= skill <= estimate.high for estimate in estimates if estimate])
        <= 0.99
    )


def test_counting_agreement_with_others_would_be_far_too_low() -> None:
    """An annotator right in 98 % agrees with the likeliest label in less than 95 %, which is often wrong."""
    others, answers = simulated(0.98, 2000, np.random.default_rng(2))

    estimate = accuracy_against(others, answers, wrong_answers(others, answers)).estimate

    assert estimate is not None
    assert np.mean(others.argmax(axis=1) == answers) < 0.95
    assert estimate.value == pytest.approx(0.98, abs=0.01)


def test_the_less_others_know_the_wider_is_the_interval() -> None:
    """Missing information counts as fewer answers."""
    widths = []
    for sure in (1.0, 0.8, 0.4):
        others = np.full((60, 10), (1 - sure) / 9)
        others[:, 0] = sure
        answers = np.where(np.arange(60) < round(60 * sure), 0, 1)
        estimate = accuracy_against(others, answers, wrong_answers(others[:0], answers[:0])).estimate
        assert estimate is not None
        widths.append(estimate.high - estimate.low)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_common_error_does_not_raise_the_accuracy() -> None:
    """When annotators confuse a and b, a posterior split between them does not confirm the answer b."""
    rng = np.random.default_rng(3)
    favourite = rng.integers(0, 2, 2000)
    truth = np.where(rng.random(2000) < 0.7, favourite, 1 - favourite)
    others = np.zeros((2000, 10))
    others[np.arange(2000), favourite] = 0.7
    others[np.arange(2000), 1 - favourite] = 0.3
    answers = np.where(rng.random(2000) < 0.7, truth, 1 - truth)  # wrong always in the same way

    alike = accuracy_against(others, answers, wrong_answers(others, answers)).estimate
    anywhere = accuracy_against(others, answers, (1 - np.eye(10)) / 9).estimate

    assert alike is not None
    assert anywhere is not None
    assert alike.low <= 0.7 <= alike.high
    assert anywhere.low > 0.95


def test_a_flat_posterior_gives_no_estimate() -> None:
    """A posterior that knows nothing gives no number, however many answers there are."""
    flat = dict.fromkeys(LABELS, 0.1)

    person = measured([judged(number, LABELS[number % 10], others=flat) for number in range(50)])

    assert str(person.accuracy) == "nothing to compare with, n=50"


def test_a_small_n_gives_no_estimate() -> None:
    """Below ten answers there is no estimate and no flag."""
    person = measured(honeypots(0, MIN_N - 1))

    assert str(person.accuracy) == "too few, n=9"
    assert person.accuracy.to_dict() == {"n": 9, "missing": "too few"}
    assert not person.is_flagged
    assert person.confusions == ()


def test_answers_beside_a_suggestion_measure_no_accuracy() -> None:
    """Answers beside a suggestion measure adoption, not accuracy, so they are only counted."""
    others = {"a": 0.9, "b": 0.1}
    seen = [judged(number, "a", others=others, known="a", is_shown=True) for number in range(30)]

    person = measured(seen)

    assert (person.n_answers, person.n_suggested) == (30, 30)
    assert [person.accuracy.n, person.on_honeypots.n, person.against_others.n] == [0, 0, 0]


def test_a_known_label_outranks_what_others_believe() -> None:
    """A known label takes precedence over the posterior from other annotators."""
    seen = [judged(number, "a", known="a", others={"b": 1.0}) for number in range(40)]

    person = measured(seen)

    assert person.accuracy.estimate is not None
    assert person.accuracy.estimate.value == 1.0
    assert person.against_others.estimate is not None
    assert person.against_others.estimate.value < 0.1


def test_only_evidence_flags() -> None:
    """An estimate below the bar flags no annotator while the interval includes the bar."""
    below_by_chance, below_by_evidence = measured(honeypots(13, 20)), measured(honeypots(130, 250))

    assert below_by_chance.accuracy.estimate is not None
    assert below_by_chance.accuracy.estimate.value < BAR
    assert not below_by_chance.is_flagged
    assert below_by_evidence.is_flagged


def test_a_spammer_is_flagged_within_a_hundred_tasks() -> None:
    """Random answers among ten labels are below the bar with evidence from two voters."""
    rng = np.random.default_rng(4)
    n_flagged = 0
    for _ in range(50):
        others, answers = simulated(0.1, 50, rng)  # half of a hundred tasks are blind and answered by others
        seen = [
            judged(row, LABELS[answers[row]], others=dict(zip(LABELS, others[row].tolist(), strict=True)))
            for row in range(50)
        ]
        n_flagged += measured(seen).is_flagged
    assert n_flagged == 50


def test_confusions_name_the_pairs_that_happened() -> None:
    """An annotator who answers cat for dogs has that confusion, with the number of the dogs."""
    labels = LabelSet(("cat", "dog", "fox"))
    seen = [judged(number, "cat" if number < 8 else "dog", known="dog") for number in range(24)]
    seen += [judged(100 + number, "fox", known="fox") for number in range(24)]

    (confusion,) = annotator_profiles(seen, labels=labels, bar=BAR)[0].confusions

    assert (confusion.right, confusion.answered) == ("dog", "cat")
    assert confusion.n_expected == pytest.approx(8)


def test_an_unknown_label_is_named() -> None:
    """Answers outside the label set are a mistake of the caller."""
    with pytest.raises(LabelError, match="'zebra' is not in the label set"):
        annotator_profiles([judged(1, "zebra", known="a")], labels=LABELS, bar=BAR)


def test_without_answers_there_are_no_profiles() -> None:
    """Without answers there are no profiles."""
    assert annotator_profiles([], labels=LABELS, bar=BAR) == ()


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_labels_matter(random: object) -> None:
    """Shuffled answers and renamed labels give the same profiles."""
    rng = np.random.default_rng(5)
    seen = []
    for who in ("1", "2", "10"):
        others, answers = simulated(0.8, 25, rng)
        seen += [
            judged(
                row + 100 * int(who),
                LABELS[answers[row]],
                others=dict(zip(LABELS, others[row].tolist(), strict=True)),
                who=who,
            )
            for row in range(25)
        ]
    shuffled = list(seen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    names = list(LABELS)
    random.shuffle(names)  # type: ignore[attr-defined]
    renamed = dict(zip(LABELS, names, strict=True))
    other = [
        replace(
            judgement,
            answer=replace(judgement.answer, label=renamed[str(judgement.answer.label)]),
            others={renamed[label]: share for label, share in (judgement.others or {}).items()},
        )
        for judgement in shuffled
    ]

    before, after = (annotator_profiles(answered, labels=LABELS, bar=BAR) for answered in (seen, other))

    assert annotator_profiles(shuffled, labels=LABELS, bar=BAR) == before
    assert [annotator.name for annotator in before] == ["annotator 1", "annotator 2", "annotator 10"]
    for person, again in zip(before, after, strict=True):
        assert person.accuracy.to_dict() == pytest.approx(again.accuracy.to_dict(), abs=1e-6)
