"""Asking until sure, one sample at a time: what counts as gold, and what is needed next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.label import Consensus
from goldloop.consensus.next_step import Step, next_step
from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

SURE = Consensus("cat", "posterior/1", {"cat": 0.99, "dog": 0.01})
UNSURE = Consensus(None, "posterior/1", {"cat": 0.6, "dog": 0.4})

NOW, ONE = datetime(2026, 1, 5, tzinfo=UTC), SampleId("one")


def answer(who: int | str, label: str | None) -> Answer:
    """Return somebody's blind answer or skip."""
    return Answer(1, ONE, Purpose.AUDIT, str(who), label, None, 0, NOW, NOW, 4.0, None, False)


def sample(
    *votes: str,
    n_asked: int,
    n_first: int,
    n_skips: int = 0,
    is_strict: bool = False,
    is_decided: bool = False,
) -> SampleEvidence:
    """Return the evidence of a sample with these votes, in the order of the first answers."""
    unused: Any = None
    return SampleEvidence(
        sample_id=ONE,
        plan=unused,
        keys=(),
        votes=tuple(answer(who, label) for who, label in enumerate(votes)),
        skips=tuple(answer(f"skips {who}", None) for who in range(n_skips)),
        decision=answer("adjudicator", "cat") if is_decided else None,
        uncounted=(),
        voted=unused,
        n_asked=n_asked,
        n_first=n_first,
        is_strict=is_strict,
    )


@pytest.mark.parametrize(
    ("evidence", "consensus", "step"),
    [
        (sample("cat", n_asked=1, n_first=1), SURE, Step.NOTHING),
        (sample("cat", n_asked=1, n_first=1), UNSURE, Step.ASK),
        (sample("cat", n_asked=2, n_first=1), UNSURE, Step.WAIT),
        (sample("cat", "dog", "emu", n_asked=3, n_first=1), UNSURE, Step.ADJUDICATE),
        # An answer that is still outstanding and could matter is waited for
        (sample("cat", n_asked=2, n_first=2), SURE, Step.WAIT),
        (sample("cat", "dog", n_asked=3, n_first=3), SURE, Step.WAIT),
        # All first answers are asked for, also where there are more than the most answers
        (sample("cat", "dog", "dog", n_asked=4, n_first=4), UNSURE, Step.WAIT),
        (sample(n_asked=4, n_first=4, n_skips=3), UNSURE, Step.WAIT),
        # Two of three first answers that agree settle it; a strict sample waits for all of them
        (sample("cat", "cat", n_asked=3, n_first=3), SURE, Step.NOTHING),
        (sample("cat", "cat", n_asked=3, n_first=3, is_strict=True), SURE, Step.WAIT),
        # A strict sample whose first answers differ goes to an adjudicator, however sure the posterior is
        (sample("cat", "dog", "cat", n_asked=3, n_first=2, is_strict=True), SURE, Step.ADJUDICATE),
        (sample("cat", "dog", "cat", n_asked=3, n_first=2), SURE, Step.NOTHING),
        # A later dissent, such as on a honeypot, changes nothing
        (sample("cat", "cat", "dog", n_asked=3, n_first=2, is_strict=True), SURE, Step.NOTHING),
        (sample(n_asked=1, n_first=1, n_skips=3), UNSURE, Step.ADJUDICATE),
        (sample(n_asked=1, n_first=1, n_skips=2), UNSURE, Step.WAIT),
        (
            sample("cat", "dog", n_asked=2, n_first=2, is_strict=True, is_decided=True),
            SURE,
            Step.NOTHING,
        ),
    ],
)
def test_what_a_sample_needs_next(evidence: SampleEvidence, consensus: Consensus, step: Step) -> None:
    """One row a situation; a sample needs nothing exactly when its label is gold."""
    assert next_step(evidence, consensus, max_answers=3) is step
