"""Audit designs: how likely each sample is drawn, one by one, so that as many are drawn as planned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.audit.designs import LEAST, audit_probabilities, unsureness, usual_unsureness
from goldloop.core.errors import EmptyPoolError
from goldloop.core.probs import Probs

RATE = 0.1


def probs_of(confidences: list[float]) -> Probs:
    """Return probs of two labels with these confidences."""
    return np.array([[confidence, 1 - confidence] for confidence in confidences]).reshape(-1, 2)


def test_a_uniform_draw_takes_no_notice_of_the_model() -> None:
    """Without a usual unsureness every sample has the audit rate."""
    probs = probs_of([0.5, 0.99, 1.0])

    assert audit_probabilities(probs, audit_rate=RATE).tolist() == [RATE] * 3


@given(st.lists(st.floats(0.5, 1), min_size=1, max_size=50), st.floats(0.001, 0.9))
def test_as_many_are_drawn_as_the_rate_says(confidences: list[float], rate: float) -> None:
    """The mean probability is the audit rate on the traffic of the usual unsureness, with floor and cap."""
    probs = probs_of(confidences)
    usual = usual_unsureness(probs, audit_rate=rate)

    chances = audit_probabilities(probs, audit_rate=rate, usual=usual)

    assert chances.mean() == pytest.approx(rate, rel=1e-6)
    assert (chances >= rate * LEAST * (1 - 1e-9)).all()
    assert (chances <= 1).all()


def test_the_unsurer_the_model_the_likelier_is_a_sample_drawn() -> None:
    """In proportion to the standard deviation of being right, 0.5 at 50 % and 0.3 at 90 %, above a floor."""
    probs = probs_of([0.5, 0.9, 0.9999])

    chances = audit_probabilities(probs, audit_rate=RATE, usual=0.3)

    assert unsureness(probs)[:2] == pytest.approx([0.5, 0.3])
    assert chances == pytest.approx([RATE * 0.5 / 0.3, RATE, RATE * LEAST])


def test_a_sample_alone_is_drawn_as_likely_as_in_a_batch() -> None:
    """A sample's probability depends only on its own probs."""
    probs = probs_of([0.5, 0.7, 0.9, 0.97])
    together = audit_probabilities(probs, audit_rate=RATE, usual=0.3)

    alone = [audit_probabilities(row[None], audit_rate=RATE, usual=0.3)[0] for row in probs]

    assert together.tolist() == alone


def test_nothing_scored_tells_nothing_and_needs_nothing() -> None:
    """Without samples there is no usual unsureness; without draws no probabilities; with rate 0 all are 0."""
    with pytest.raises(
        EmptyPoolError, match="usual unsureness of a model from 0 samples; run `goldloop score`"
    ):
        usual_unsureness(probs_of([]), audit_rate=RATE)
    assert audit_probabilities(probs_of([]), audit_rate=RATE, usual=0.3).shape == (0,)
    assert audit_probabilities(probs_of([0.6]), audit_rate=0, usual=0.3).tolist() == [0]
