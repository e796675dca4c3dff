"""Pace and change over rounds: time to decide, answers an hour, skips, and falling accuracy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from goldloop.annotators.pace import idle_limit_s, overlapping
from goldloop.annotators.profiles import AssessedAnswer
from tests.unit.assessed_answers import START, honeypots, judged, measured


def rounds(*n_right_of_20: int) -> list[AssessedAnswer]:
    """Return 20 answers with a known label in each round, with the given numbers right."""
    return [
        judged(100 * number + place, "a" if place < n_right else "b", known="a", round=number)
        for number, n_right in enumerate(n_right_of_20)
        for place in range(20)
    ]


def test_a_fall_differs_from_a_bad_day() -> None:
    """Half as good as before is falling; one mistake more is not."""
    fallen, steady = measured(rounds(19, 19, 20, 9)), measured(rounds(19, 19, 20, 18))

    assert fallen.is_falling
    assert not steady.is_falling
    assert [round_.round for round_ in fallen.rounds] == [0, 1, 2, 3]
    assert fallen.rounds[-1].accuracy.estimate is not None
    assert fallen.rounds[-1].accuracy.estimate.value == pytest.approx(0.45)


def test_one_bad_week_in_fifty_is_no_fall() -> None:
    """A steady annotator has a loss whose plain interval excludes zero about once a year."""
    person = measured(rounds(19, 19, 20, 19, 19, 14))

    assert person.drift.estimate is not None
    assert person.drift.estimate.high < 0
    assert not person.is_falling


def test_a_short_last_round_is_joined_to_the_one_before() -> None:
    """The newest rounds are as many as it takes for ten answers."""
    seen = [*rounds(20, 20, 2), *(judged(900 + number, "b", known="a", round=3) for number in range(5))]

    person = measured(seen)

    assert person.drift.n == 25
    assert person.is_falling


def test_a_single_round_cannot_drift() -> None:
    """There is nothing to compare it with."""
    assert str(measured(rounds(20)).drift) == "too few, n=0"


def timed(*times: float | None, **changes: object) -> list[AssessedAnswer]:
    """Return an answer for each time."""
    return [judged(number, "a", lead_time_s=time, **changes) for number, time in enumerate(times)]  # type: ignore[arg-type]


def test_idle_edited_and_untimed_answers_are_left_out_and_counted() -> None:
    """Breaks and edits do not count as decision times."""
    edited = {"updated_at": START + timedelta(days=1), "lead_time_s": 60.0}
    seen = [*timed(*[3.0, 4.0, 5.0, 6.0] * 5, 1800.0, None, 0.0), judged(90, "a", **edited)]  # type: ignore[arg-type]

    pace = measured(seen).pace

    assert (pace.n_idle, pace.n_untimed, pace.n_edited) == (1, 2, 1)
    assert pace.decision_s.estimate is not None
    assert pace.decision_s.estimate.value == 4.5
    assert pace.decision_s.n == 20
    assert pace.quartiles_s == (3.75, 5.25)


def test_nights_are_idle_however_few_times_there_are() -> None:
    """Times of hours are left out of the pace, and do not stretch the fence of the others."""
    few = measured(timed(5.0, 6.0, 216_000.0)).pace
    many = measured(timed(*[3.0, 4.0, 5.0, 6.0] * 5, 1800.0, *[216_000.0] * 15)).pace

    assert (few.n_idle, few.decision_s.n) == (1, 2)
    assert (many.n_idle, many.decision_s.n) == (16, 20)


def test_times_that_overlap_the_answer_before_are_left_out() -> None:
    """A minute is what two open pages explain; the order of the answers in the list says nothing."""
    seen = timed(*[4.0] * 10, 64.0, 66.0, 3000.0)[::-1]

    pace = measured(seen).pace

    assert (pace.n_idle, pace.decision_s.n) == (3, 10)
    assert overlapping([one.answer for one in seen]).tolist() == [True, True, *[False] * 11]
    two = [replace(one.answer, annotator=str(place % 2)) for place, one in enumerate(seen)]
    assert overlapping(two).sum() == 1, "each against their own answers"


def test_answers_an_hour_come_from_the_mean_decision() -> None:
    """Four seconds each are 900 an hour, and its interval lies around it."""
    per_hour = measured(timed(*[2.0, 6.0] * 20)).pace.per_hour.estimate

    assert per_hour is not None
    assert per_hour.value == pytest.approx(900)
    assert per_hour.low < 900 < per_hour.high


def test_answers_a_day_count_days_with_answers() -> None:
    """Ten answers on each of twelve days are ten a day, the days between not counting."""
    seen = [
        judged(100 * day + number, "a", created_at=START + timedelta(days=2 * day))
        for day in range(12)
        for number in range(10)
    ]

    per_day = measured(seen).pace.per_day

    assert per_day.estimate is not None
    assert (per_day.estimate.value, per_day.n) == (10, 12)


def test_equal_times_hold_no_breaks() -> None:
    """A script that answers every four seconds is not idle, and one time less than ten sets no limit."""
    assert idle_limit_s(np.full(20, 4.0)) >= 4.0
    assert idle_limit_s(np.array([1.0, 1000.0])) == float("inf")


def test_skips_count_with_their_reasons() -> None:
    """A skip is not an answer; skips without a reason are counted as such."""
    skips = [judged(50 + n, None, reason="blurred" if n else None) for n in range(3)]

    person = measured([*honeypots(20, 20), *skips])

    assert person.n_answers == 20
    assert person.skips.estimate is not None
    assert person.skips.estimate.value == pytest.approx(3 / 23)
    assert person.skip_reasons == {"blurred": 2, "no reason given": 1}
