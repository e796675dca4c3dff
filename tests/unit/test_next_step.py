"""Asking until sure, one sample at a time: what counts as gold, and what is needed next."""

from __future__ import annotations

import pytest

from goldloop.consensus.label import Consensus
from goldloop.consensus.next_step import LabelingState, Step, next_step

SURE = Consensus("cat", "posterior/1", {"cat": 0.99, "dog": 0.01})
UNSURE = Consensus(None, "posterior/1", {"cat": 0.6, "dog": 0.4})


@pytest.mark.parametrize(
    ("state", "consensus", "step"),
    [
        (LabelingState(("cat",), n_asked=1, n_first=1), SURE, Step.NOTHING),
        (LabelingState(("cat",), n_asked=1, n_first=1), UNSURE, Step.ASK),
        (LabelingState(("cat",), n_asked=2, n_first=1), UNSURE, Step.WAIT),
        (LabelingState(("cat", "dog", "emu"), n_asked=3, n_first=1), UNSURE, Step.ADJUDICATE),
        # An answer that is still outstanding and could matter is waited for
        (LabelingState(("cat",), n_asked=2, n_first=2), SURE, Step.WAIT),
        (LabelingState(("cat", "dog"), n_asked=3, n_first=3), SURE, Step.WAIT),
        # All first answers are asked for, also where there are more than the most answers
        (LabelingState(("cat", "dog", "dog"), n_asked=4, n_first=4), UNSURE, Step.WAIT),
        (LabelingState((), n_asked=4, n_first=4, n_skips=3), UNSURE, Step.WAIT),
        # Two of three first answers that agree settle it; a strict sample waits for all of them
        (LabelingState(("cat", "cat"), n_asked=3, n_first=3), SURE, Step.NOTHING),
        (LabelingState(("cat", "cat"), n_asked=3, n_first=3, is_strict=True), SURE, Step.WAIT),
        # A strict sample whose first answers differ goes to an adjudicator, however sure the posterior is
        (LabelingState(("cat", "dog", "cat"), n_asked=3, n_first=2, is_strict=True), SURE, Step.ADJUDICATE),
        (LabelingState(("cat", "dog", "cat"), n_asked=3, n_first=2), SURE, Step.NOTHING),
        # A later dissent, such as on a honeypot, changes nothing
        (LabelingState(("cat", "cat", "dog"), n_asked=3, n_first=2, is_strict=True), SURE, Step.NOTHING),
        (LabelingState((), n_asked=1, n_first=1, n_skips=3), UNSURE, Step.ADJUDICATE),
        (LabelingState((), n_asked=1, n_first=1, n_skips=2), UNSURE, Step.WAIT),
        (
            LabelingState(("cat", "dog"), n_asked=2, n_first=2, is_strict=True, is_decided=True),
            SURE,
            Step.NOTHING,
        ),
    ],
)
def test_what_a_sample_needs_next(state: LabelingState, consensus: Consensus, step: Step) -> None:
    """One row a situation; a sample needs nothing exactly when its label is gold."""
    assert next_step(state, consensus, max_answers=3) is step
