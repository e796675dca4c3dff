"""The gate's further conditions: superiority, no label that fell, confidence that means something."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison, compare, paired_difference
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import approval, objections

PETS = LabelSet.of(["cat", "dog", "owl"])
SURE = Estimate(0.01, 0.0, 0.03, 300)
LENIENT = GateSettings(margin=0.03, min_holdout=30, max_class_fall=1, max_ece=1)
SUPERIOR = LENIENT.model_copy(update={"rule": "superiority"})
STRICT = LENIENT.model_copy(update={"max_class_fall": 0.10, "max_ece": 0.05})


def compared(n: int, *, gained: int, lost: int) -> Comparison:
    """Return how a challenger compares that gained and lost so many of `n` cats."""
    rows = np.arange(n)
    return compare(
        rows < gained, (rows >= gained) & (rows < gained + lost), np.zeros(n, dtype=np.intp), labels=PETS
    )


def of_labels(*lost: int, n: int = 100, gained: int = 0) -> Comparison:
    """Return how a challenger compares that lost so many of `n` samples of each label.

    The last label also gains `gained` samples, which the champion missed; all others both have right.
    """
    truth = np.repeat(np.arange(len(lost)), n)
    place = np.tile(np.arange(n), len(lost))
    is_lost = place < np.repeat(lost, n)
    is_gained = (truth == len(lost) - 1) & (place >= n - gained)
    return compare(~is_lost, ~is_gained, truth, labels=PETS)


@given(st.integers(30, 300), st.floats(0, 1), st.floats(0, 1))
def test_superiority_promotes_exactly_what_is_shown_to_be_better(n: int, up: float, down: float) -> None:
    """The whole interval has to lie above zero, whatever the margin."""
    comparison = compared(n, gained=int(up * (n // 2)), lost=int(down * (n // 2)))

    assert (not objections(SUPERIOR, comparison, ece=SURE)) == (comparison.accuracy.low > 0)


def test_a_gain_that_rules_out_the_margin_may_still_not_be_shown() -> None:
    """Ten gained, seven lost of 300: no loss of 3 points, but no gain either; the advice would settle it."""
    few = compared(300, gained=10, lost=7)

    assert not objections(LENIENT, few, ece=SURE)
    found = objections(SUPERIOR, few, ece=SURE)
    assert found[0].endswith("points; gate.rule 'superiority' allows none")
    more = int(re.match(r"about (\d+) more holdout samples would decide it", found[1])[1])  # type: ignore[index]
    for share, is_settled in [(0.9, False), (1.1, True)]:
        times = (300 + share * more) / 300
        again = compared(round(300 * times), gained=round(10 * times), lost=round(7 * times))
        assert (not objections(SUPERIOR, again, ece=SURE)) == is_settled


def test_what_is_shown_is_said_when_promoted() -> None:
    """Each rule names what the interval rules out."""
    comparison = compared(300, gained=60, lost=2)

    assert approval(SUPERIOR, comparison).endswith("n=300: the challenger is better")
    assert approval(STRICT, comparison).endswith("n=300: the interval rules out a drop of 3.0 points")


def test_a_champion_for_which_nothing_speaks_has_to_be_better_itself() -> None:
    """Where no comparison preferred it, a challenger that is no worse so far replaces it, and says why."""
    better, worse = compared(90, gained=12, lost=10), compared(90, gained=10, lost=12)

    assert objections(LENIENT, better, ece=SURE)
    assert not objections(LENIENT, better, ece=SURE, is_proven=False)
    assert "no comparison has preferred the champion yet" in approval(LENIENT, better)
    assert objections(LENIENT, worse, ece=SURE, is_proven=False)[0].endswith(
        "no better than the champion so far"
    )
    assert objections(SUPERIOR, better, ece=SURE, is_proven=False)


def test_nothing_else_is_forgiven_against_an_unproven_champion() -> None:
    """A small holdout, a label that fell and a calibration that is wrong are objections as ever."""
    assert objections(STRICT, compared(29, gained=5, lost=0), ece=SURE, is_proven=False)
    assert objections(STRICT, of_labels(0, 30, 0, gained=40), ece=SURE, is_proven=False)
    wrong = Estimate(0.09, 0.06, 0.12, 300)
    assert objections(STRICT, compared(300, gained=60, lost=2), ece=wrong, is_proven=False)


def test_a_label_that_fell_by_evidence_is_an_objection_that_names_it() -> None:
    """Dogs lost 30 of 100, owls gained 40: better over all, and refused."""
    comparison = of_labels(0, 30, 0, gained=40)
    assert comparison.accuracy.low > -0.03

    (objection,) = objections(STRICT, comparison, ece=SURE)

    assert objection.startswith("recall of dog fell by 30.0 points, at least by 1")
    assert "(n=100); gate.max_class_fall allows 10.0 points. Label more samples of dog" in objection
    assert not objections(LENIENT, comparison, ece=SURE)


def test_a_label_that_may_have_fallen_is_no_objection() -> None:
    """15 of 100 lost where 10 are allowed may be chance; so may 8 of 20."""
    assert not objections(STRICT, of_labels(0, 15, 0, gained=40), ece=SURE)
    assert not objections(STRICT, of_labels(0, 8, 0, n=20, gained=19), ece=SURE)


def test_labels_are_judged_all_at_once() -> None:
    """The more labels, the wider each one's interval; one label alone has the ordinary one."""
    alone = compared(100, gained=5, lost=20)
    assert alone.recalls == {"cat": alone.accuracy}

    recalls = of_labels(20, 20, 20).recalls

    assert list(recalls) == ["cat", "dog", "owl"]
    truth = np.zeros(100, dtype=bool)
    ordinary = paired_difference(np.arange(100) >= 20, ~truth)
    assert recalls["cat"].value == ordinary.value
    assert recalls["cat"].low < ordinary.low < ordinary.high < recalls["cat"].high


def test_labels_nobody_showed_are_not_judged() -> None:
    """A label without samples on holdout is absent rather than unchanged."""
    assert list(of_labels(1, 1).recalls) == ["cat", "dog"]


def test_confidence_that_is_wrong_by_evidence_is_an_objection() -> None:
    """Only an interval that lies above what is allowed; a wide one that reaches below is not shown."""
    better = compared(300, gained=60, lost=2)

    (objection,) = objections(STRICT, better, ece=Estimate(0.09, 0.06, 0.12, 300))
    assert objection.startswith("calibration error 0.090 [0.06, 0.12], n=300; gate.max_ece allows 0.05")
    assert not objections(STRICT, better, ece=Estimate(0.09, 0.04, 0.14, 40))


def test_every_objection_is_named_at_once() -> None:
    """Worse over all, worse at one label and badly calibrated: three reasons."""
    found = objections(STRICT, of_labels(0, 60, 0), ece=Estimate(0.09, 0.06, 0.12, 300))

    assert [one.split(" ")[0] for one in found] == ["challenger", "recall", "calibration"]


def test_an_uneven_draw_is_weighed_over_all_and_label_by_label() -> None:
    """Ten lost samples that stand for one each weigh less than ten gained ones that stand for nine."""
    truth = np.repeat([0, 1], 100)
    ours, theirs = np.ones(200, dtype=bool), np.ones(200, dtype=bool)
    ours[:10], theirs[190:] = False, False
    weights = np.repeat([1.0, 9.0], 100)

    found = compare(ours, theirs, truth, labels=PETS, weights=weights)

    assert found.accuracy.value == pytest.approx((90 - 10) / 1000)
    assert found.recalls["cat"].value == pytest.approx(-0.1)
    assert found.recalls["dog"].value == pytest.approx(0.1)
    even = compare(ours, theirs, truth, labels=PETS)
    assert found.accuracy.high - found.accuracy.low > 1.1 * (even.accuracy.high - even.accuracy.low)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_equal_models_are_hardly_ever_taken_for_better(is_weighted: bool) -> None:
    """Of 600 pairs of equally good models at most 2.5 % are promoted as better, within chance."""
    rng = np.random.default_rng(2)
    promoted = []
    for _ in range(600):
        doubt = rng.random(300)
        chance = 0.2 + 0.8 * doubt if is_weighted else np.ones(300)
        drawn = rng.random(300) < chance
        ours, theirs = (rng.random((2, 300)) > 0.3 * doubt)[:, drawn]
        truth = np.zeros(drawn.sum(), dtype=np.intp)
        found = compare(ours, theirs, truth, labels=PETS, weights=1 / chance[drawn])
        promoted.append(not objections(SUPERIOR, found, ece=SURE))

    assert np.mean(promoted) < 0.025 + 3.5 * np.sqrt(0.025 * 0.975 / 600)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("rule", "luck"),
        ("max_class_fall", 0.0),
        ("max_ece", 1.5),
        ("margin", -0.1),
        ("margin", 1.0),
        ("min_holdout", 0),
    ],
)
def test_a_gate_with_odd_conditions_is_refused(name: str, odd: Any) -> None:
    """A rule nobody knows, a limit that is no share, a negative margin, or a decision on no samples."""
    with pytest.raises(ValueError, match=f"{name}\n"):
        GateSettings(**{name: odd})
