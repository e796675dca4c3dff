"""The next step of a sample: nothing, wait, one more answer, or an adjudicator's decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from goldloop.consensus.evidence import QUICK, SampleEvidence
from goldloop.consensus.label import Consensus
from goldloop.core.annotations import Answer
from goldloop.core.tasks import Purpose


class Step(StrEnum):
    """What a sample needs next."""

    NOTHING = "nothing"  # its label is gold
    WAIT = "wait"  # annotators have not given all requested answers yet
    ASK = "ask"  # one more answer
    ADJUDICATE = "adjudicate"  # an adjudicator's decision


def next_step(evidence: SampleEvidence, consensus: Consensus, *, max_answers: int) -> Step:
    """Return what a sample needs next.

    A label is gold when there is a consensus and the first answers are in, or enough of them agree that the
    rest cannot change the majority. An unsure sample gets one more answer until `max_answers`, or all first
    answers, were requested, then adjudication. A strict sample needs all first answers, and goes to
    adjudication when they differ; so does a sample with `max_answers` skips and no vote, and one about whose
    appeal people differ, unless an adjudicator has decided. Who asks for a full review in a quick one has not
    skipped it: others answer.

    Where the outcome is known, it is the label. A sample of the audit waits for its first answers all the
    same, or for the skips in place of them: the audit would else hold the reported ones first.
    """
    n_first, n_votes = evidence.n_first, len(evidence.votes)
    first = [vote.label for vote in evidence.votes[:n_first]]  # later ones, as of honeypots, make no dispute
    n_agreeing = max(Counter(first).values(), default=0)
    is_disputed = evidence.is_strict and n_agreeing < len(first)
    is_complete = len(first) == n_first or (not evidence.is_strict and n_agreeing > n_first / 2)
    is_decided = evidence.decision is not None
    n_skips = len({one.annotator for one in evidence.skips if not (one.is_deferred and one.purpose in QUICK)})
    if evidence.reported is not None and (
        evidence.purpose is not Purpose.AUDIT or len(first) + n_skips >= n_first
    ):
        return Step.NOTHING
    if len(set(evidence.appealed)) > 1 and not is_decided:
        return Step.ADJUDICATE
    if consensus.label is not None and (is_decided or (is_complete and not is_disputed)):
        return Step.NOTHING
    max_answers = max(max_answers, n_first)
    if is_disputed or (not n_votes and n_skips >= max_answers):
        return Step.ADJUDICATE
    if n_votes < max(evidence.n_asked, n_first):
        return Step.WAIT
    return Step.ASK if evidence.n_asked < max_answers else Step.ADJUDICATE


def answers_shown(votes: Iterable[Answer]) -> dict[str, int]:
    """Return how many annotators gave each answer, most frequent first; an adjudicator sees these counts.

    An answer is its label, with rule and severity in brackets where the annotator gave some.
    """
    return dict(Counter(sorted(map(_shown, votes))).most_common())


def _shown(vote: Answer) -> str:
    grounds = str(vote.grounds)
    return f"{vote.label} ({grounds})" if grounds else str(vote.label)
