"""Probabilities are checked at the edge, once."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.core.errors import InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import checked_probs, confidence, margin, suggestion_hint

LABELS = LabelSet(("cat", "dog", "fox"))


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ([0.5, 0.6, 0.2], "0.6"),
        ([float("nan"), 0.5, 0.5], "nan"),
        ([-0.1, 0.6, 0.5], "-0.1"),
        ([0, 0, 0], "0.0"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused_by_number(row: list[float], seen: str) -> None:
    """The message names the first bad row and its value."""
    with pytest.raises(InvalidProbabilitiesError, match="row 1 of probs") as caught:
        checked_probs([[0.2, 0.3, 0.5], row], LABELS)
    assert seen in str(caught.value)


def test_wrong_number_of_columns_is_refused() -> None:
    """Probs of another label set cannot slip through."""
    with pytest.raises(InvalidProbabilitiesError, match=r"shape \(n, 3\).*got \(1, 2\)"):
        checked_probs([[0.5, 0.5]], LABELS)


def test_confidence_and_margin() -> None:
    """Confidence is the largest value, margin its lead."""
    probs = checked_probs([[0.2, 0.5, 0.3], [1, 0, 0]], LABELS)
    assert confidence(probs).tolist() == [0.5, 1.0]
    assert margin(probs) == pytest.approx(np.array([0.2, 1.0]))
    assert confidence(checked_probs(np.zeros((0, 3)), LABELS)).tolist() == []


def test_hint_names_the_two_likeliest_labels() -> None:
    """The annotator reads best and runner-up in one line."""
    assert suggestion_hint(np.array([0.3, 0.1, 0.6]), LABELS) == "Model suggests: fox 60% (cat 30%)"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat"], r"at least two labels, got \['cat'\]; add another label"),
        (["cat", ""], "label '' is not usable; use 1 to 100 printable characters"),
        (["cat", "dog "], "label 'dog ' is not usable; .* without leading or trailing blanks"),
        (["cat", "dog\n"], "is not usable"),
        (["cat", "x" * 101], "is not usable"),
        (["cat", "cat"], "label 'cat' is twice in the label set; remove one"),
    ],
)
def test_an_unusable_label_set_is_refused(names: list[str], message: str) -> None:
    """One label, an empty, padded, unprintable or long name, and a repeated name each have a message."""
    with pytest.raises(LabelError, match=message):
        LabelSet.of(names)
