"""Known answers: samples whose label is beyond doubt, also without the person who is measured with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from goldloop.annotators.honeypots import Honeypot, is_known
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.requests import AnswerRequest, RequestReason
from goldloop.core.tasks import split_key


def known_answers(outcomes: Outcomes, answer_requests: Iterable[AnswerRequest]) -> list[Honeypot]:
    """Return the samples that may measure people: gold, blind, unanimous or adjudicated, all answers in."""
    n_asked = Counter(
        split_key(one.key)[0] for one in answer_requests if one.reason is RequestReason.HONEYPOT
    )
    return [
        Honeypot(
            one.evidence.sample_id,
            one.consensus.label,
            one.evidence.people,
            n_asked[one.evidence.sample_id],
        )
        for one in outcomes.samples
        if one.is_gold
        and one.consensus.label is not None
        and not one.evidence.plan.is_shown
        and len(one.evidence.votes) >= one.evidence.state.n_asked
        and known_label(one.evidence) == one.consensus.label
    ]


def known_label(
    evidence: SampleEvidence, *, without: str | None = None, before: datetime | None = None
) -> str | None:
    """Return the sample's known label as found by everybody but `without`; None where it is not known.

    It is known when an adjudicator decided, or when all blind votes (those given before a moment), two or
    more, say the same.
    """
    decision = evidence.decision
    if decision is not None and decision.annotator != without:
        return decision.label
    blind = [
        one.label
        for one in evidence.votes
        if not one.is_shown and one.annotator != without and (before is None or one.created_at <= before)
    ]
    if not blind or not is_known(
        n_blind_votes=len(blind), n_agreeing=blind.count(blind[0]), is_adjudicated=False
    ):
        return None
    return blind[0]
