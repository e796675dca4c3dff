"""Majority consensus: enough votes, a clear lead, or no label at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.consensus import majority
from tests.strategies import votes


@pytest.mark.parametrize(
    ("answers", "overlap", "label", "is_tie"),
    [
        ({"1": "cat"}, 1, "cat", False),
        ({}, 1, None, False),
        ({"1": "cat"}, 2, None, False),
        ({"1": "cat", "2": "dog"}, 2, None, True),
        ({"1": "cat", "2": "cat"}, 3, "cat", False),
        ({"1": "cat", "2": "dog"}, 3, None, False),
        ({"1": "cat", "2": "dog", "3": "fox"}, 3, None, True),
        ({"1": "cat", "2": "dog", "3": "dog"}, 3, "dog", False),
        ({"1": "cat", "2": "cat", "3": "dog", "4": "dog"}, 3, None, True),
        ({"1": "cat", "2": "dog"}, 1, None, True),
    ],
)
def test_a_label_needs_half_of_the_votes_asked_for_and_a_lead(
    answers: dict[str, str], overlap: int, label: str | None, is_tie: bool
) -> None:
    """A tie is no consensus, and neither is an answer still outstanding that could matter."""
    found = majority(answers, overlap=overlap)
    assert (found.label, found.is_tie) == (label, is_tie)
    assert found.n_votes == len(answers)


@given(votes(), st.integers(1, 5))
def test_order_of_annotators_does_not_matter(answers: dict[str, str], overlap: int) -> None:
    """The same votes in reverse order give the same consensus."""
    assert majority(dict(reversed(answers.items())), overlap=overlap) == majority(answers, overlap=overlap)


@given(votes(), st.integers(1, 5))
def test_renaming_labels_renames_the_consensus(answers: dict[str, str], overlap: int) -> None:
    """No label is favoured by its name, so ties cannot be decided by the alphabet."""
    names = {"cat": "zebra", "dog": "ape", "fox": "mole"}
    renamed = majority({who: names[label] for who, label in answers.items()}, overlap=overlap)
    plain = majority(answers, overlap=overlap)
    assert renamed.label == (names[plain.label] if plain.label else None)


@given(votes(), st.integers(1, 5))
def test_no_votes_means_no_label_and_unanimity_means_that_label(
    answers: dict[str, str], overlap: int
) -> None:
    """The two ends of agreement."""
    found = majority(answers, overlap=overlap)
    if not answers:
        assert found.label is None
    if len(set(answers.values())) == 1 and len(answers) > overlap / 2:
        assert found.label == next(iter(answers.values()))
    assert sum(found.posterior.values()) == pytest.approx(1 if answers else 0, abs=0.002)
