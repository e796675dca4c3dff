"""The gate: promoted or refused, always with reasons that say numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from goldloop.core.codec import to_plain
from goldloop.core.errors import EmptyPoolError, GoldVersionError
from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison, compare
from goldloop.stats.metrics import Estimate
from goldloop.stats.reliability import calibration_error
from goldloop.training.gate import RULES
from goldloop.training.promotion import FIRST_MODEL, Decision, Evaluation, decide, evaluate

PETS = LabelSet.of(["cat", "dog"])
GATE = GateSettings(margin=0.03, max_class_fall=1, max_ece=1)


def evaluation(version: str, *, n: int, n_right: int, gold_version: int = 7) -> Evaluation:
    """Return the evaluation of a model that is right on the first `n_right` of `n` cats."""
    said = np.where(np.arange(n)[:, None] < n_right, [[0.8, 0.2]], [[0.3, 0.7]])
    return evaluate(
        said,
        np.zeros(n, dtype=np.intp),
        labels=PETS,
        model_version=version,
        split="holdout",
        gold_version=gold_version,
        gold_digest="d1ge57",
    )


def judged(*, n: int, gained: int, lost: int, gate: GateSettings = GATE) -> Decision:
    """Return the decision on a challenger that gained and lost so many samples against the champion."""
    rows = np.arange(n)
    comparison = compare(
        rows < gained, (rows >= gained) & (rows < gained + lost), np.zeros(n, dtype=np.intp), labels=PETS
    )
    n_right = n // 2
    return decide(
        gate,
        champion=evaluation("3", n=n, n_right=n_right),
        challenger=evaluation("4", n=n, n_right=n_right + gained - lost),
        comparison=comparison,
    )


def test_an_evaluation_holds_every_figure_with_its_origin() -> None:
    """Accuracy, labels, calibration and confusion all come from the same probs."""
    one = evaluation("4", n=10, n_right=8)

    assert (one.model_version, one.split, one.gold_version, one.gold_digest, one.n) == (
        "4",
        "holdout",
        7,
        "d1ge57",
        10,
    )
    assert one.accuracy.value == pytest.approx(0.8)
    assert one.confusion == ((8, 2), (0, 0))
    assert one.ece == calibration_error([[0.8, 0.2]] * 8 + [[0.3, 0.7]] * 2, [0] * 10)
    assert [label.n for label in one.per_label] == [10, 0]
    with pytest.raises(EmptyPoolError, match="cannot compute an accuracy from 0 samples"):
        evaluation("4", n=0, n_right=0)


def test_the_first_model_is_promoted_and_the_reason_says_so() -> None:
    """With no champion there is nothing to lose; not even a small holdout stops it."""
    decision = decide(GATE, champion=None, challenger=evaluation("1", n=5, n_right=3), comparison=None)

    assert decision.is_promoted
    assert (decision.rule, decision.champion, decision.difference) == (FIRST_MODEL, None, None)
    assert re.match(r"there is no champion yet; accuracy on holdout 0\.600 \[", decision.reasons[0])


def test_a_challenger_that_is_better_is_promoted() -> None:
    """A gain of 10 points on 100 samples rules out a loss of 3."""
    decision = judged(n=100, gained=12, lost=2)

    assert decision.is_promoted
    assert decision.rule == RULES["non_inferiority"]
    assert (decision.challenger, decision.champion) == ("4", "3")
    assert re.search(
        r"\+10\.0 points \[\+2\.\d, \+\d+\.\d\], n=100: the interval rules out a drop of 3\.0 points",
        decision.reasons[0],
    )


def test_a_small_holdout_refuses_whatever_the_difference() -> None:
    """29 of 30 samples: refused, and the reason says how many audit samples are missing."""
    decision = judged(n=29, gained=15, lost=0)

    assert not decision.is_promoted
    assert (
        "29 holdout samples, gate.min_holdout requires 30; label 1 more audit samples" in decision.reasons[0]
    )


def test_a_challenger_that_is_clearly_worse_is_refused_for_good() -> None:
    """More samples are not offered when the whole interval lies below zero."""
    decision = judged(n=200, gained=2, lost=30)

    assert not decision.is_promoted
    assert "the challenger is worse" in decision.reasons[0]
    assert not any("more holdout samples" in reason for reason in decision.reasons)


def test_a_challenger_slightly_behind_is_refused_and_told_what_would_show_it() -> None:
    """The point estimate must not be negative, however wide the interval."""
    decision = judged(n=200, gained=3, lost=4)

    assert not decision.is_promoted
    assert "no better than the champion so far" in decision.reasons[0]
    assert re.search(r"about \d{4,} more holdout samples would show whether it is worse", decision.reasons[1])


def test_a_tie_on_few_samples_is_refused_with_the_number_that_settles_it() -> None:
    """Ahead, but the interval still admits too large a loss: follow the advice and it is promoted."""
    decision = judged(n=50, gained=5, lost=4)
    assert not decision.is_promoted
    assert "the 95 % interval still allows a drop of" in decision.reasons[0]

    more = int(re.search(r"about (\d+) more", decision.reasons[1])[1])  # type: ignore[index]
    for share, is_promoted in [(0.85, False), (1.15, True)]:
        n = round(50 + share * more)
        assert judged(n=n, gained=round(0.10 * n), lost=round(0.08 * n)).is_promoted == is_promoted


def test_a_tie_at_margin_zero_is_not_a_matter_of_samples() -> None:
    """Two models that are equal never pass a gate that allows no loss; the advice does not pretend else."""
    decision = judged(n=1000, gained=10, lost=10, gate=GATE.model_copy(update={"margin": 0.0}))

    assert not decision.is_promoted
    assert "over 999000 more holdout samples" in decision.reasons[1]


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.2))
def test_promotion_follows_the_rule_and_always_has_a_reason(
    n: int, share_gained: float, share_lost: float, margin: float
) -> None:
    """Promoted exactly if the holdout suffices, the difference is >= 0 and its lower bound > -margin."""
    gained = int(share_gained * (n // 2))
    lost = int(share_lost * (n // 2))

    decision = judged(n=n, gained=gained, lost=lost, gate=GATE.model_copy(update={"margin": margin}))

    assert decision.difference is not None
    assert decision.is_promoted == (n >= 30 and gained >= lost and decision.difference.low > -margin)
    assert all(decision.reasons)


def test_models_evaluated_on_different_samples_are_never_compared() -> None:
    """Another gold version, or another n, is an error: the comparison would be between samples."""
    ours, theirs = evaluation("4", n=40, n_right=30), evaluation("3", n=40, n_right=30, gold_version=6)
    comparison = Comparison(Estimate(0.0, -0.1, 0.1, 40), {})

    with pytest.raises(
        GoldVersionError, match=r"Champion 3 was evaluated on holdout of gold version 6 \(n=40\)"
    ):
        decide(GATE, champion=theirs, challenger=ours, comparison=comparison)
    other = Comparison(Estimate(0.0, -0.1, 0.1, 39), {})
    with pytest.raises(GoldVersionError, match="their difference on n=39"):
        decide(GATE, champion=ours, challenger=ours, comparison=other)
    with pytest.raises(ValueError, match="champion 4 can only be challenged with a comparison"):
        decide(GATE, champion=ours, challenger=ours, comparison=None)


def test_decisions_and_evaluations_survive_json() -> None:
    """What the rounds table and MLflow keep can be read back equal."""
    for decision in [
        judged(n=50, gained=5, lost=4),
        decide(GATE, champion=None, challenger=evaluation("1", n=5, n_right=3), comparison=None),
    ]:
        assert TypeAdapter(Decision).validate_python(to_plain(decision)) == decision
    one = evaluation("4", n=10, n_right=8)
    assert TypeAdapter(Evaluation).validate_python(to_plain(one)) == one


def test_a_decision_names_the_rule_and_every_objection() -> None:
    """What the gate objects to are the reasons; which rule was asked is part of the decision."""
    gate = GateSettings(rule="superiority", max_class_fall=0.05, max_ece=1)

    refused = judged(n=200, gained=2, lost=40, gate=gate)

    assert (refused.is_promoted, refused.rule) == (False, "superiority on the holdout")
    assert "the challenger is worse" in refused.reasons[0]
    assert refused.reasons[1].startswith("recall of cat fell by 19.0 points")
    assert judged(n=200, gained=40, lost=2, gate=gate).is_promoted
