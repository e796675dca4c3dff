"""What annotators' answers are worth: right on average, honest about n, and deaf to suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.annotators.pace import idle_limit_s
from goldloop.annotators.profiles import AnnotatorProfile, AssessedAnswer, annotator_profiles
from goldloop.annotators.skill import accuracy_against, wrong_answers
from goldloop.core.answers import Answer
from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import MIN_N, Measure, difference, mean, median, share
from goldloop.stats.metrics import Estimate, wilson

LABELS = LabelSet(tuple("abcdefghij"))
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BAR = 0.70
Floats = np.ndarray


def judged(
    number: int,
    label: str | None,
    *,
    known: str | None = None,
    others: Mapping[str, float] | None = None,
    who: str = "1",
    **changes: object,
) -> AssessedAnswer:
    """Return a blind answer of four seconds, the `number`-th of an hour's work."""
    at = START + timedelta(seconds=5 * number)
    answer = Answer(
        annotation_id=number,
        sample_id=SampleId(f"{number:064d}"),
        purpose=Purpose.AUDIT,
        annotator=who,
        label=label,
        reason=None,
        round=1,
        created_at=at,
        updated_at=at,
        lead_time_s=4.0,
        suggested_label=None,
        is_shown=False,
    )
    return AssessedAnswer(replace(answer, **changes), known, others)  # type: ignore[arg-type]


def measured(seen: Sequence[AssessedAnswer], who: str = "1") -> AnnotatorProfile:
    """Return what is known of one person."""
    return next(one for one in annotator_profiles(seen, labels=LABELS, bar=BAR) if one.annotator == who)


def honeypots(n_right: int, n: int, **changes: object) -> list[AssessedAnswer]:
    """Return `n` answers to known labels, the first `n_right` of them right."""
    return [judged(number, "a" if number < n_right else "b", known="a", **changes) for number in range(n)]  # type: ignore[arg-type]


def simulated(
    skill: float, n: int, rng: np.random.Generator, *, voters: Sequence[float] = (0.9, 0.75)
) -> tuple[Floats, Floats]:
    """Return what `voters` make others believe of `n` samples, and what somebody of this skill answers."""
    n_labels = len(LABELS)

    def answers(accuracy: float) -> Floats:
        wrong = (truth + rng.integers(1, n_labels, n)) % n_labels
        return np.where(rng.random(n) < accuracy, truth, wrong)

    truth = rng.integers(0, n_labels, n)
    believed = np.ones((n, n_labels))
    for accuracy in voters:
        likelihood = np.full((n, n_labels), (1 - accuracy) / (n_labels - 1))
        likelihood[np.arange(n), answers(accuracy)] = accuracy
        believed *= likelihood
    return believed / believed.sum(axis=1, keepdims=True), answers(skill)


# --- accuracy


@pytest.mark.parametrize(("n_right", "n"), [(0, 30), (27, 30), (30, 30), (111, 120)])
def test_with_known_labels_it_is_the_plain_share_with_wilsons_interval(n_right: int, n: int) -> None:
    """Known labels are the special case in which nothing is uncertain."""
    one = measured(honeypots(n_right, n))

    expected = Estimate(n_right / n, *wilson(n_right / n, n), n)
    for found in (one.accuracy, one.on_honeypots):
        assert found.estimate is not None
        assert found.estimate.to_dict() == pytest.approx(expected.to_dict(), abs=1e-6)
    assert one.against_others == Measure(0, None)


@pytest.mark.parametrize("skill", [0.98, 0.9, 0.75, 0.1])
def test_against_unsure_others_it_is_unbiased_and_its_interval_covers(skill: float) -> None:
    """Two voters, right in 90 and 75 %, judge a third person as well as that is possible."""
    rng = np.random.default_rng(1)
    wrong = wrong_answers(*simulated(0.8, 1000, rng))  # everybody's
    found = [accuracy_against(*simulated(skill, 120, rng), wrong).estimate for _ in range(400)]

    values = [one.value for one in found if one]
    assert np.mean(values) == pytest.approx(skill, abs=0.015)
    assert 0.91 <= np.mean([one.low <= skill <= one.high for one in found if one]) <= 0.99


def test_counting_agreement_with_others_would_be_far_too_low() -> None:
    """Somebody right in 98 % agrees with the likeliest label in less than 95 %, as that is often wrong."""
    others, said = simulated(0.98, 2000, np.random.default_rng(2))

    found = accuracy_against(others, said, wrong_answers(others, said)).estimate

    assert found is not None
    assert np.mean(others.argmax(axis=1) == said) < 0.95
    assert found.value == pytest.approx(0.98, abs=0.01)


def test_the_less_others_know_the_wider_is_the_interval() -> None:
    """Missing information counts as fewer answers."""
    widths = []
    for sure in (1.0, 0.8, 0.4):
        others = np.full((60, 10), (1 - sure) / 9)
        others[:, 0] = sure
        said = np.where(np.arange(60) < round(60 * sure), 0, 1)
        found = accuracy_against(others, said, wrong_answers(others[:0], said[:0])).estimate
        assert found is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_common_mistake_does_not_make_people_look_right() -> None:
    """Where a and b are taken for each other, others who half believe b do not vouch for who says b."""
    rng = np.random.default_rng(3)
    favourite = rng.integers(0, 2, 2000)
    truth = np.where(rng.random(2000) < 0.7, favourite, 1 - favourite)
    others = np.zeros((2000, 10))
    others[np.arange(2000), favourite] = 0.7
    others[np.arange(2000), 1 - favourite] = 0.3
    said = np.where(rng.random(2000) < 0.7, truth, 1 - truth)  # wrong always in the same way

    alike = accuracy_against(others, said, wrong_answers(others, said)).estimate
    anywhere = accuracy_against(others, said, (1 - np.eye(10)) / 9).estimate

    assert alike is not None
    assert anywhere is not None
    assert alike.low <= 0.7 <= alike.high
    assert anywhere.low > 0.95


def test_flat_others_say_nothing() -> None:
    """A posterior that knows nothing gives no number, however many answers there are."""
    flat = dict.fromkeys(LABELS, 0.1)

    one = measured([judged(number, LABELS[number % 10], others=flat) for number in range(50)])

    assert str(one.accuracy) == "nothing to compare with, n=50"


def test_small_n_says_too_few() -> None:
    """Below ten answers there is no number, and nobody is flagged."""
    one = measured(honeypots(0, MIN_N - 1))

    assert str(one.accuracy) == "too few, n=9"
    assert one.accuracy.to_dict() == {"n": 9, "missing": "too few"}
    assert not one.is_flagged
    assert one.confusions == ()


def test_answers_beside_a_suggestion_judge_nobody() -> None:
    """Who adopts every suggestion agrees with the model; that is no accuracy, so it is only counted."""
    others = {"a": 0.9, "b": 0.1}
    seen = [judged(number, "a", others=others, known="a", is_shown=True) for number in range(30)]

    one = measured(seen)

    assert (one.n_answers, one.n_suggested) == (30, 30)
    assert [one.accuracy.n, one.on_honeypots.n, one.against_others.n] == [0, 0, 0]


def test_a_known_label_outranks_what_others_believe() -> None:
    """On a honeypot it does not matter what a few others think."""
    seen = [judged(number, "a", known="a", others={"b": 1.0}) for number in range(40)]

    one = measured(seen)

    assert one.accuracy.estimate is not None
    assert one.accuracy.estimate.value == 1.0
    assert one.against_others.estimate is not None
    assert one.against_others.estimate.value < 0.1


def test_only_evidence_flags() -> None:
    """An estimate below the bar flags nobody while the interval reaches over it."""
    below_by_chance, below_by_evidence = measured(honeypots(13, 20)), measured(honeypots(130, 250))

    assert below_by_chance.accuracy.estimate is not None
    assert below_by_chance.accuracy.estimate.value < BAR
    assert not below_by_chance.is_flagged
    assert below_by_evidence.is_flagged


def test_a_spammer_is_flagged_within_a_hundred_tasks() -> None:
    """Random answers among ten labels are below the bar by evidence, with two voters as judges."""
    rng = np.random.default_rng(4)
    n_flagged = 0
    for _ in range(50):
        others, said = simulated(0.1, 50, rng)  # half of a hundred tasks are blind and answered by others
        seen = [
            judged(row, LABELS[said[row]], others=dict(zip(LABELS, others[row].tolist(), strict=True)))
            for row in range(50)
        ]
        n_flagged += measured(seen).is_flagged
    assert n_flagged == 50


def test_confusions_name_the_pairs_that_happened() -> None:
    """Somebody who takes dogs for cats is shown that, with the share of the dogs."""
    labels = LabelSet(("cat", "dog", "fox"))
    seen = [judged(number, "cat" if number < 8 else "dog", known="dog") for number in range(24)]
    seen += [judged(100 + number, "fox", known="fox") for number in range(24)]

    (found,) = annotator_profiles(seen, labels=labels, bar=BAR)[0].confusions

    assert (found.right, found.answered) == ("dog", "cat")
    assert found.n_expected == pytest.approx(8)
    assert found.share.estimate is not None
    assert found.share.estimate.value == pytest.approx(1 / 3)


def test_an_unknown_label_is_named() -> None:
    """Answers outside the label set are a mistake of the caller."""
    with pytest.raises(LabelError, match="'zebra' is not in the label set"):
        annotator_profiles([judged(1, "zebra", known="a")], labels=LABELS, bar=BAR)


def test_nobody_answered() -> None:
    """Without answers there are no people."""
    assert annotator_profiles([], labels=LABELS, bar=BAR) == ()


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_labels_matter(random: object) -> None:
    """Shuffled answers and renamed labels give the same people."""
    rng = np.random.default_rng(5)
    seen = []
    for who in ("1", "2", "10"):
        others, said = simulated(0.8, 25, rng)
        seen += [
            judged(
                row + 100 * int(who),
                LABELS[said[row]],
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
            one,
            answer=replace(one.answer, label=renamed[str(one.answer.label)]),
            others={renamed[label]: share for label, share in (one.others or {}).items()},
        )
        for one in shuffled
    ]

    before, after = (annotator_profiles(found, labels=LABELS, bar=BAR) for found in (seen, other))

    assert annotator_profiles(shuffled, labels=LABELS, bar=BAR) == before
    assert [one.name for one in before] == ["annotator 1", "annotator 2", "annotator 10"]
    for one, again in zip(before, after, strict=True):
        assert one.accuracy.to_dict() == pytest.approx(again.accuracy.to_dict(), abs=1e-6)


# --- rounds


def rounds(*n_right_of_20: int) -> list[AssessedAnswer]:
    """Return 20 honeypots in each round, so many of them right."""
    return [
        judged(100 * number + one, "a" if one < n_right else "b", known="a", round=number)
        for number, n_right in enumerate(n_right_of_20)
        for one in range(20)
    ]


def test_a_fall_is_told_from_a_bad_day() -> None:
    """Half as good as before is falling; one mistake more is not."""
    fallen, steady = measured(rounds(19, 19, 20, 9)), measured(rounds(19, 19, 20, 18))

    assert fallen.is_falling
    assert not steady.is_falling
    assert [one.round for one in fallen.rounds] == [0, 1, 2, 3]
    assert fallen.rounds[-1].accuracy.estimate is not None
    assert fallen.rounds[-1].accuracy.estimate.value == pytest.approx(0.45)


def test_one_bad_week_in_fifty_is_no_fall() -> None:
    """A loss whose ordinary interval just excludes chance is expected of somebody steady within a year."""
    one = measured(rounds(19, 19, 20, 19, 19, 14))

    assert one.drift.estimate is not None
    assert one.drift.estimate.high < 0
    assert not one.is_falling


def test_a_short_last_round_is_joined_to_the_one_before() -> None:
    """The newest rounds are as many as it takes for ten answers."""
    seen = [*rounds(20, 20, 2), *(judged(900 + number, "b", known="a", round=3) for number in range(5))]

    one = measured(seen)

    assert one.drift.n == 25
    assert one.is_falling


def test_a_single_round_cannot_drift() -> None:
    """There is nothing to compare it with."""
    assert str(measured(rounds(20)).drift) == "too few, n=0"


# --- pace


def timed(*times: float | None, **changes: object) -> list[AssessedAnswer]:
    """Return an answer for each time."""
    return [judged(number, "a", lead_time_s=time, **changes) for number, time in enumerate(times)]  # type: ignore[arg-type]


def test_idle_edited_and_untimed_answers_are_left_out_and_counted() -> None:
    """A coffee break and an edit's second sitting say nothing about decisions."""
    edited = {"updated_at": START + timedelta(days=1), "lead_time_s": 60.0}
    seen = [*timed(*[3.0, 4.0, 5.0, 6.0] * 5, 1800.0, None, 0.0), judged(90, "a", **edited)]  # type: ignore[arg-type]

    found = measured(seen).pace

    assert (found.n_idle, found.n_untimed, found.n_edited) == (1, 2, 1)
    assert found.decision_s.estimate is not None
    assert found.decision_s.estimate.value == 4.5
    assert found.decision_s.n == 20
    assert found.quartiles_s == (3.75, 5.25)


def test_answers_an_hour_come_from_the_mean_decision() -> None:
    """Four seconds each are 900 an hour, and its interval lies around it."""
    found = measured(timed(*[2.0, 6.0] * 20)).pace.per_hour.estimate

    assert found is not None
    assert found.value == pytest.approx(900)
    assert found.low < 900 < found.high


def test_answers_a_day_count_days_with_answers() -> None:
    """Ten answers on each of twelve days are ten a day, the days between not counting."""
    seen = [
        judged(100 * day + number, "a", created_at=START + timedelta(days=2 * day))
        for day in range(12)
        for number in range(10)
    ]

    found = measured(seen).pace.per_day

    assert found.estimate is not None
    assert (found.estimate.value, found.n) == (10, 12)


def test_equal_times_hold_no_breaks() -> None:
    """A script that answers every four seconds is not idle, and one time less than ten sets no limit."""
    assert idle_limit_s(np.full(20, 4.0)) >= 4.0
    assert idle_limit_s(np.array([1.0, 1000.0])) == float("inf")


def test_skips_count_with_their_reasons() -> None:
    """A skip is no answer; who gives no reason is said to."""
    skips = [judged(50 + n, None, reason="blurred" if n else None) for n in range(3)]

    one = measured([*honeypots(20, 20), *skips])

    assert one.n_answers == 20
    assert one.skips.estimate is not None
    assert one.skips.estimate.value == pytest.approx(3 / 23)
    assert one.skip_reasons == {"blurred": 2, "no reason given": 1}


# --- measures


def test_the_interval_of_a_median_covers() -> None:
    """Of 400 samples of skewed times at least 93 % of the intervals hold the median."""
    rng = np.random.default_rng(6)
    found = [median(rng.lognormal(1.0, 0.6, 40)).estimate for _ in range(400)]

    assert np.mean([one.low <= np.exp(1.0) <= one.high for one in found if one]) >= 0.93


def test_the_interval_of_a_mean_is_positive_and_covers() -> None:
    """Also where a plain interval would reach below zero."""
    rng = np.random.default_rng(7)
    found = [mean(rng.lognormal(1.0, 0.6, 40)).estimate for _ in range(400)]

    assert np.mean([one.low <= np.exp(1.18) <= one.high for one in found if one]) >= 0.92
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
