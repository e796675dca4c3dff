"""Assessed answers: each answer beside the evidence without it, so that nobody confirms themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from goldloop.annotators.honeypots import known_label
from goldloop.annotators.profiles import AssessedAnswer
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.requests import AnswerRequest, RequestReason
from goldloop.core.tasks import Purpose


def assessed_answers(
    outcomes: Outcomes, answer_requests: Iterable[AnswerRequest], labels: LabelSet
) -> list[AssessedAnswer]:
    """Return every answer and skip but adjudicators' decisions, by annotation id, with its references.

    The label is known for onboarding tasks, and for tasks that were requested once more because their label
    was known (honeypots). Other samples whose label became known later do not count: they were answered again
    because an answer was doubted, and would be mostly annotators' errors.
    """
    places = {sample.evidence.sample_id: place for place, sample in enumerate(outcomes.samples)}
    honeypot_since: dict[str, datetime] = {}
    for request in answer_requests:
        if request.reason is RequestReason.HONEYPOT and request.at is not None:
            honeypot_since.setdefault(request.key, request.at)
    assessed = []
    for answer in outcomes.answers:
        if answer.purpose is Purpose.ADJUDICATION:
            continue
        known, others, place = None, None, places.get(answer.sample_id)
        if place is not None and not answer.is_skip:
            known = _known(answer, outcomes.samples[place].evidence, honeypot_since)
            others = _others(answer, outcomes, place, labels)
        assessed.append(AssessedAnswer(answer, known, others))
    return assessed


def _known(answer: Answer, evidence: SampleEvidence, honeypot_since: Mapping[str, datetime]) -> str | None:
    if answer.purpose is Purpose.ONBOARDING:
        return known_label(evidence, without=answer.annotator)
    since = honeypot_since.get(evidence.plan.key)
    if since is None or answer.created_at <= since:
        return None
    return known_label(evidence, without=answer.annotator, before=since)


def _others(answer: Answer, outcomes: Outcomes, place: int, labels: LabelSet) -> dict[str, float] | None:
    evidence = outcomes.samples[place].evidence
    voted, annotator = evidence.voted, answer.annotator
    has_others = voted.probs is not None or voted.decision is not None or voted.votes.keys() - {annotator}
    if answer not in evidence.votes or not has_others:
        return None
    return dict(zip(labels, outcomes.fit.leave_one_out(place, annotator).tolist(), strict=True))
