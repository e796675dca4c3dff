"""Prefill advice: goldloop turns suggestions off only on evidence of automation bias."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from goldloop.annotators.automation_bias import (
    gap_of_counts,
    measure_automation_bias,
)
from goldloop.annotators.prefill_advice import recommend
from goldloop.core.chance import Arm
from goldloop.core.labels import LabelSet
from goldloop.stats.metrics import share_estimate
from tests.unit.adoption_counts import counts, gap_of, wrong

PETS = LabelSet.of(["cat", "dog", "owl"])


def test_suggestions_stay_on_while_there_is_too_little_evidence() -> None:
    """Without observations, or with a wide interval around a small gap, suggestions stay on."""
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
    anchoring = measure_automation_bias(seen, labels=PETS)

    advice = recommend(anchoring.gap, anchoring.by_label, max_gap=0.1)

    assert advice.is_on
    assert advice.off_labels == ("dog",)
    assert advice.reasons[1].startswith("off for dog: adoption gap 0.720 [")
    assert [advice.is_shown(Arm.UNTESTED, label) for label in PETS] == [True, False, True]


def test_the_arms_go_on_measuring_when_suggestions_are_off() -> None:
    """A project that is switched off still shows the checked arm and hides the hidden one."""
    advice = recommend(gap_of_counts(None, shown=(40, 50), hidden=(5, 50)), [], max_gap=0.1)

    assert not advice.is_on
    assert advice.is_shown(Arm.SHOWN, "dog")
    assert not advice.is_shown(Arm.HIDDEN, "dog")
    assert not advice.is_shown(Arm.UNTESTED, "dog")


def is_ever_off(weeks: npt.NDArray[np.int64]) -> bool:
    """Return whether any weekly check of the growing counts (n_weeks, n_labels, 4) turns a suggestion off."""
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
