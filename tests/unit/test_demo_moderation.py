"""What the demo tells of moderation on its test: macro-F1, the share to people, and what is let through."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from goldloop.core.labels import LabelSet
from goldloop.routing.policies import Supported
from scripts.demo_loop.moderation import LINE, ModerationRow, harmless_label, lines, macro_f1, ruled

LABELS = LabelSet(("fine", "hate", "spam"))
TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PROBS = np.array(
    [
        [0.95, 0.03, 0.02],
        [0.90, 0.05, 0.05],
        [0.50, 0.30, 0.20],  # to people
        [0.02, 0.90, 0.08],  # accepted, wrong
        [0.92, 0.05, 0.03],  # hate let through
        [0.10, 0.80, 0.10],  # to people
        [0.05, 0.05, 0.90],
        [0.85, 0.05, 0.10],  # to people: the line itself is not above it
    ]
)


def test_the_plain_rule_is_counted_by_label() -> None:
    """Three of eight go to people, two of five accepted are wrong, and one of two hateful ones passes."""
    rule = ruled(PROBS, TRUTH, LINE, LABELS, harmless=0)

    assert (rule.to_people.value, rule.to_people.n) == (3 / 8, 8)
    assert rule.wrong is not None
    assert (rule.wrong.value, rule.wrong.n) == (2 / 5, 5)
    assert rule.let_through is not None
    assert (rule.let_through.value, rule.let_through.n) == (1 / 4, 4)
    assert {name: one and one.value for name, one in rule.by_label.items()} == {
        "fine": 1 / 4,
        "hate": 1 / 2,
        "spam": 0.0,
    }


def test_a_rule_that_accepts_nothing_lets_nothing_through() -> None:
    """Everything goes to people, and among the accepted there is no share of errors."""
    rule = ruled(PROBS, TRUTH, Supported(LINE, None), LABELS, harmless=0)

    assert rule.to_people.value == 1
    assert rule.wrong is None
    assert rule.let_through is not None
    assert rule.let_through.value == 0


def test_macro_f1_is_that_of_scikit_learn() -> None:
    """The mean over labels, with an interval around it that shrinks with the number of posts."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=400)
    given = np.where(rng.random(400) < 0.7, truth, rng.integers(3, size=400))
    few, all_ = macro_f1(truth[:50], given[:50], 3), macro_f1(truth, given, 3)

    assert all_.value == pytest.approx(f1_score(truth, given, average="macro"))
    assert all_.low < all_.value < all_.high
    assert all_.high - all_.low < few.high - few.low


def test_the_words_name_every_label_but_the_harmless_one() -> None:
    """The most frequent label counts as harmless; each other has its share with n."""
    assert harmless_label(TRUTH, LABELS) == 0
    rule = ruled(PROBS, TRUTH, LINE, LABELS, harmless=0)
    accuracy = macro_f1(TRUTH, PROBS.argmax(axis=1), 3)
    row = ModerationRow(0, 1.0, accuracy, accuracy, accuracy, accuracy, rule, rule)
    said = lines(row, LABELS, harmless=0)

    assert said[0].startswith("goldloop sends 0.375 ")
    assert "hate 0.500" in said[1]
    assert "n=2; spam 0.000" in said[1]
    assert "fine" not in said[1]
