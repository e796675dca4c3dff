"""What people overlook on sheets is estimated without bias; who overlooks too much gets no more sheets."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.consensus.planted_errors import PlantedError
from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.sheets.overlooking import KnownWrong, missed_share, overlooking
from goldloop.sheets.switch import FALSE_SWITCH_OFF, switched_off
from goldloop.stats.metrics import wilson
from scripts.bench.guarantees.sheets import ENOUGH, MAX_MISSED, MOST, PLANS, estimates, planted_until_off


def errors(annotator: str, label: str, n_missed: int, n: int) -> list[PlantedError]:
    """Return `n` planted errors of which `n_missed` were missed."""
    return [PlantedError(annotator, label, is_missed=place < n_missed) for place in range(n)]


def test_planted_errors_alone_give_the_plain_share() -> None:
    """Of planted errors, all of which are known, the estimate is the share and its Wilson interval."""
    estimate = missed_share(np.arange(40) < 6, np.ones(40))

    assert estimate.value == pytest.approx(6 / 40)
    assert (estimate.low, estimate.high) == pytest.approx(wilson(6 / 40, 40))


@pytest.mark.parametrize("n_missed", [0, 40])
def test_none_or_all_missed_is_an_estimate_too(n_missed: int) -> None:
    """Where none or all were missed, one end of the interval is 0 or 1 and the other is not."""
    estimate = missed_share(np.arange(40) < n_missed, np.ones(40))

    assert estimate.value == n_missed / 40
    assert 0 < estimate.high - estimate.low < 0.15


def test_an_unclicked_error_stands_for_those_that_were_not_drawn() -> None:
    """An error that a draw of one in ten found among 181 stands for about ten, not for one."""
    estimate = missed_share(np.arange(181) == 0, np.full(181, 0.1))

    assert estimate.value == pytest.approx(10 / 190, abs=0.005)
    assert estimate.low < 0.02
    assert estimate.high > 0.2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("10 % missed", "planted"),
        ("10 % missed", "both"),
        ("10 % missed, 10,000 pictures, a fifth twins", "own"),
    ],
)
def test_the_estimate_is_unbiased_and_its_interval_holds(name: str, kind: str) -> None:
    """Over 1,000 repeats the bias is within chance, and 94 to 96 % of the intervals hold the true share."""
    plan = next(plan for plan in PLANS if plan.name == name)
    found = estimates(plan, kind, n=1000, seed=0)

    values = np.array([one.value for one in found])
    assert abs(values.mean() - plan.missed) < 3 * values.std() / np.sqrt(len(values))
    held = np.mean([one.low <= plan.missed <= one.high for one in found])
    assert 0.94 <= held <= 0.96


def test_each_kind_of_error_has_its_own_figure() -> None:
    """Planted errors, the model's own ones and unclicked twins are told apart; few cases give no figure."""
    known = KnownWrong(
        is_missed=np.array([True] * 4 + [False] * 36 + [True] * 3 + [False] * 3),
        is_planted=np.arange(46) < 40,
        probabilities=np.where(np.arange(46) < 40, 1.0, 0.5),
    )
    report = overlooking(known, np.arange(60) < 3, np.full(60, 2.0))

    assert report.planted.estimate is not None
    assert report.planted.estimate.value == pytest.approx(0.1)
    assert (report.own.n, report.own.estimate) == (6, None)
    assert report.both.n == 46
    assert report.left_wrong.estimate is not None
    assert report.left_wrong.estimate.value == pytest.approx(0.05)


def test_a_draw_without_chance_is_refused() -> None:
    """A probability of 0 cannot stand for anything; the error names it and says what to use."""
    with pytest.raises(InvalidProbabilitiesError, match=r"probability 0.0 of wrong suggestion 1.*twins"):
        KnownWrong(np.array([True, True]), np.array([True, False]), np.array([1.0, 0.0]))


def test_a_careless_person_loses_sheets_and_the_others_keep_them() -> None:
    """Who misses a third of 60 planted errors is switched off and named; the label stays for all others."""
    switch = switched_off([*errors("7", "dress", 20, 60), *errors("8", "dress", 4, 60)], max_missed=0.15)

    assert switch.annotators == {"7"}
    assert switch.allows("dress")
    assert "annotator 7 missed 20 of 60 planted errors" in switch.reasons[0]


def test_a_label_that_everybody_misses_loses_sheets() -> None:
    """A label whose errors ten people miss a little too often each is switched off, and nobody else is."""
    planted = [error for name in "abcdefghij" for error in errors(name, "skirt", 5, 15)]
    switch = switched_off([*planted, *errors("a", "hat", 1, 60)], max_missed=0.15)

    assert not switch.annotators
    assert switch.labels == {"skirt"}
    assert not switch.allows("skirt")
    assert switch.allows("hat")


def test_few_missed_errors_are_no_evidence() -> None:
    """Two of four planted errors missed, or fewer than allowed of many, switch nothing off."""
    assert not switched_off(errors("7", "dress", 2, 4), max_missed=0.15).annotators
    assert not switched_off(errors("7", "dress", 60, 500), max_missed=0.15).annotators


def test_a_person_at_the_limit_hardly_ever_loses_sheets_however_often_one_looks() -> None:
    """At a look after each of 2,000 planted errors, at most 5 % of people at the limit lose sheets."""
    assert np.mean(planted_until_off(MAX_MISSED, n=1000, seed=0) <= MOST) <= FALSE_SWITCH_OFF


def test_careless_people_lose_sheets_within_200_planted_errors() -> None:
    """Of people who miss twice the allowed share, 99 % lose sheets within 200 planted errors."""
    assert np.mean(planted_until_off(2 * MAX_MISSED, n=1000, seed=0) <= ENOUGH) >= 0.99
