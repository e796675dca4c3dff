"""The gate on loss: the cost of decisions decides, and a rare label must not be missed more often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison, Consequences, LossComparison, compare_losses
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import approval, objections
from goldloop.training.loss_gate import against_loss, guarded_labels, loss_in_words

PAYMENTS = LabelSet.of(["genuine", "fraud"])
GATE = GateSettings(measure="loss")
FRAUD = ("fraud",)


def losses(n: int = 300, *, n_fraud: int = 6, missed: int = 0, spent: float = 400.0) -> Consequences:
    """Return what decisions on `n` payments come to, the last ones frauds of 100 EUR each."""
    is_missed = np.zeros(n, dtype=bool)
    is_missed[n - n_fraud : n - n_fraud + missed] = True
    return Consequences(np.where(is_missed, 100_000.0, spent), is_missed)


def compared(challenger: Consequences, champion: Consequences, n_fraud: int = 6) -> LossComparison:
    """Return how two models compare on payments of which the last are frauds."""
    truth = np.arange(len(champion.losses)) >= len(champion.losses) - n_fraud
    return compare_losses(challenger, champion, truth.astype(np.intp), labels=PAYMENTS)


def test_the_saving_is_paired_and_has_an_interval() -> None:
    """Each payment is compared with itself: what both lose cancels out."""
    saving = compared(losses(spent=300.0, missed=1), losses(spent=400.0, missed=1)).saving

    assert saving.value == pytest.approx(100.0 * 299 / 300)
    assert saving.low < saving.value < saving.high


def test_a_model_that_never_finds_fraud_is_refused_however_much_it_saves() -> None:
    """Its decisions cost less on a holdout whose frauds are small, and it catches none of them."""
    comparison = compared(losses(missed=6, spent=0.0), losses(missed=0, spent=9_000.0))
    assert comparison.saving.value > 0

    found = against_loss(GATE, comparison, guarded=FRAUD, is_proven=False)

    assert found == (
        "the share of fraud that is caught fell by 100.0 points (n=6); gate.max_class_fall allows 10.0 "
        "points. Label more samples of fraud",
    )
    assert not against_loss(GATE, comparison, guarded=(), is_proven=False)


def test_too_few_samples_of_a_guarded_label_are_an_objection() -> None:
    """Without a fraud in the holdout nothing tells a model apart that never finds one."""
    for n_fraud in (0, 2):
        better = compared(losses(n_fraud=n_fraud, spent=0.0), losses(n_fraud=n_fraud), n_fraud)
        found = against_loss(GATE, better, guarded=FRAUD, is_proven=False)
        assert found[0].startswith(
            f"{n_fraud} holdout samples are fraud, and 0 train samples that are new to the champion; "
            "gate.min_guarded requires 3"
        )
    enough = compared(losses(n_fraud=3, spent=0.0), losses(n_fraud=3), 3)
    assert not against_loss(GATE, enough, guarded=FRAUD, is_proven=False)


def test_train_samples_tell_of_a_rare_label_where_the_holdout_has_none() -> None:
    """What is new to the champion judges in its place; where the holdout has enough, it alone does."""
    found_as_often, found_seldom = Estimate(-0.1, -0.4, 0.2, n=10), Estimate(-0.6, -0.9, -0.1, n=10)
    better = compared(losses(n_fraud=0, spent=0.0), losses(n_fraud=0), 0)

    kept = replace(better, caught_in_train={"fraud": found_as_often})
    assert not against_loss(GATE, kept, guarded=FRAUD, is_proven=False)
    assert loss_in_words(kept).endswith(
        "; of 10 train samples of fraud that are new to the champion it catches -10.0 points"
    )
    (reason,) = against_loss(
        GATE, replace(better, caught_in_train={"fraud": found_seldom}), guarded=FRAUD, is_proven=False
    )
    assert reason.startswith("the share of fraud that is caught fell by 60.0 points (n=10 train samples)")
    few = replace(better, caught_in_train={"fraud": Estimate(0.0, -0.5, 0.5, n=2)})
    (reason,) = against_loss(GATE, few, guarded=FRAUD, is_proven=False)
    assert "and 2 train samples that are new to the champion" in reason
    enough = compared(losses(n_fraud=3, spent=0.0), losses(n_fraud=3), 3)
    judged = replace(enough, caught_in_train={"fraud": found_seldom})
    assert not against_loss(GATE, judged, guarded=FRAUD, is_proven=False)


def test_a_proven_champion_is_replaced_only_where_the_interval_rules_out_a_rise() -> None:
    """A small gain with one fraud more missed and one less leaves a wide interval."""
    ours, theirs = losses(missed=1, spent=300.0), losses(missed=1)
    ours.losses[[-5, -6]], ours.is_missed[[-5, -6]] = ours.losses[[-6, -5]], ours.is_missed[[-6, -5]]
    comparison = compared(ours, theirs)
    assert comparison.saving.value > 0 > comparison.saving.low

    assert not against_loss(GATE, comparison, guarded=FRAUD, is_proven=False)
    (objection, advice) = against_loss(GATE, comparison, guarded=FRAUD)
    assert objection.endswith("gate.max_loss_rise allows 10 %")
    assert advice.startswith("label more audit samples")
    clear = compared(losses(spent=300.0), losses())
    assert not against_loss(GATE, clear, guarded=FRAUD)


def test_a_rise_is_an_objection_in_words() -> None:
    """And superiority allows none by the interval."""
    worse = compared(losses(spent=450.0), losses())
    assert "cost 50 more [+50, +50] per 1,000 samples than the champion's 400, n=300" in loss_in_words(worse)
    assert against_loss(GATE, worse, guarded=FRAUD, is_proven=False)
    superior = GATE.model_copy(update={"rule": "superiority"})
    same = compared(losses(), losses())
    assert against_loss(superior, same, guarded=FRAUD) != ()
    assert not against_loss(GATE, same, guarded=FRAUD)


def test_losses_decide_in_place_of_accuracies() -> None:
    """A challenger whose labels are right less often and whose decisions cost less is promoted."""
    fell = Estimate(-0.2, -0.3, -0.1, n=300)
    comparison = Comparison(fell, {"fraud": fell}, compared(losses(spent=300.0), losses()))
    ece = Estimate(0.01, 0.0, 0.03, 300)

    assert not objections(GATE, comparison, ece=ece, guarded=FRAUD)
    assert "cost 100 less" in approval(GATE, comparison)
    assert objections(GATE, Comparison(fell, {"fraud": fell}), ece=ece, guarded=FRAUD)


def test_all_labels_but_the_first_are_guarded_unless_named() -> None:
    """The first label is that of samples without harm."""
    three = LabelSet.of(["genuine", "fraud", "unsure"])
    assert guarded_labels(GATE, three) == ("fraud", "unsure")
    assert guarded_labels(GATE.model_copy(update={"guarded": ("fraud",)}), three) == ("fraud",)
