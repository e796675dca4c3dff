"""Known labels: samples whose label is certain, also without the annotator who is assessed on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from goldloop.annotators.honeypots import Honeypot, is_known
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.tasks import AnswerRequest, RequestReason, split_key


def known_answers(outcomes: Outcomes, answer_requests: Iterable[AnswerRequest]) -> list[Honeypot]:
    """Return the samples that may be honeypots: gold, blind, unanimous or adjudicated, all answers in."""
    n_asked = Counter(
        split_key(request.key)[0] for request in answer_requests if request.reason is RequestReason.HONEYPOT
    )
    return [
        Honeypot(
            sample.evidence.sample_id,
            sample.consensus.label,
            sample.evidence.people,
            n_asked[sample.evidence.sample_id],
        )
        for sample in outcomes.samples
        if sample.is_gold
        and sample.consensus.label is not None
        and not sample.evidence.plan.is_shown
        and len(sample.evidence.votes) >= sample.evidence.state.n_asked
        and known_label(sample.evidence) == sample.consensus.label
    ]


def known_label(
    evidence: SampleEvidence, *, without: str | None = None, before: datetime | None = None
) -> str | None:
    """Return the sample's label as known from everybody except `without`; None where it is not known.

    It is known when an adjudicator decided, or when at least two blind votes, given not later than `before`,
    all agree.
    """
    decision = evidence.decision
    if decision is not None and decision.annotator != without:
        return decision.label
    blind = [
        vote.label
        for vote in evidence.votes
        if not vote.is_shown and vote.annotator != without and (before is None or vote.created_at <= before)
    ]
    if not blind or not is_known(
        n_blind_votes=len(blind), n_agreeing=blind.count(blind[0]), is_adjudicated=False
    ):
        return None
    return blind[0]
