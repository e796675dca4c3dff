"""Assessed answers: each answer beside the evidence without it, so that nobody confirms themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from goldloop.annotators.known_labels import known_label
from goldloop.annotators.profiles import AssessedAnswer
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason


def assessed_answers(
    outcomes: Outcomes, answer_requests: Iterable[AnswerRequest], labels: LabelSet
) -> list[AssessedAnswer]:
    """Return every answer and skip but adjudicators' decisions, by annotation id, with its references.

    The label is known for onboarding tasks, and for tasks that were requested once more because their label
    was known (honeypots). Other samples whose label became known later do not count: they were answered again
    because an answer was doubted, and would be mostly annotators' errors.
    """
    places = {sample.evidence.sample_id: place for place, sample in enumerate(outcomes.samples)}
    honeypots = _honeypots_since(answer_requests)
    assessed = []
    for answer in outcomes.answers:
        if answer.purpose is Purpose.ADJUDICATION:
            continue
        place = places.get(answer.sample_id)
        evidence = outcomes.samples[place].evidence if place is not None else None
        others = None
        if place is not None and evidence is not None and answer in evidence.votes:
            others = _others(outcomes, place, answer.annotator, labels)
        assessed.append(AssessedAnswer(answer, _known(answer, evidence, honeypots), others))
    return assessed


def _honeypots_since(answer_requests: Iterable[AnswerRequest]) -> dict[str, datetime]:
    """Return since when each task has been a honeypot, by key."""
    since: dict[str, datetime] = {}
    for request in answer_requests:
        if request.reason is RequestReason.HONEYPOT and request.at is not None:
            since.setdefault(request.key, request.at)
    return since


def _known(answer: Answer, evidence: SampleEvidence | None, honeypots: Mapping[str, datetime]) -> str | None:
    if evidence is None or answer.is_skip:
        return None
    if answer.purpose is Purpose.ONBOARDING:
        return known_label(evidence, without=answer.annotator)
    since = honeypots.get(evidence.plan.key)
    if since is None or answer.created_at <= since:
        return None
    return known_label(evidence, without=answer.annotator, before=since)


def _others(outcomes: Outcomes, place: int, annotator: str, labels: LabelSet) -> dict[str, float] | None:
    voted = outcomes.samples[place].evidence.voted
    if voted.probs is None and voted.decision is None and not voted.votes.keys() - {annotator}:
        return None
    posterior = outcomes.fit.leave_one_out(place, annotator)
    return {name: float(share) for name, share in zip(labels, posterior, strict=True)}
