"""Judging answers: each beside what everybody else says, so that nobody is measured against himself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from goldloop.annotators.known_labels import known_label
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
    """Return every answer and skip but adjudicators' decisions, by annotation id, beside what others say.

    Known answers are those of onboarding, and of tasks that were asked once more *because* they were known:
    taking in other answers to samples that turned out to be known would pick people's mistakes.
    """
    places = {one.evidence.sample_id: place for place, one in enumerate(outcomes.samples)}
    controls = _controls_since(answer_requests)
    found = []
    for answer in outcomes.answers:
        if answer.purpose is Purpose.ADJUDICATION:
            continue
        place = places.get(answer.sample_id)
        evidence = outcomes.samples[place].evidence if place is not None else None
        others = None
        if place is not None and evidence is not None and answer in evidence.votes:
            others = _others(outcomes, place, answer.annotator, labels)
        found.append(AssessedAnswer(answer, _known(answer, evidence, controls), others))
    return found


def _controls_since(answer_requests: Iterable[AnswerRequest]) -> dict[str, datetime]:
    """Return since when each task has been a control, by key."""
    since: dict[str, datetime] = {}
    for one in answer_requests:
        if one.reason is RequestReason.HONEYPOT and one.at is not None:
            since.setdefault(one.key, one.at)
    return since


def _known(answer: Answer, evidence: SampleEvidence | None, controls: Mapping[str, datetime]) -> str | None:
    if evidence is None or answer.is_skip:
        return None
    if answer.purpose is Purpose.ONBOARDING:
        return known_label(evidence, without=answer.annotator)
    since = controls.get(evidence.plan["key"])
    if since is None or answer.created_at <= since:
        return None
    return known_label(evidence, without=answer.annotator, before=since)


def _others(outcomes: Outcomes, place: int, annotator: str, labels: LabelSet) -> dict[str, float] | None:
    case = outcomes.samples[place].evidence.voted
    if case.probs is None and case.decision is None and not case.votes.keys() - {annotator}:
        return None
    posterior = outcomes.fit.leave_one_out(place, annotator)
    return {name: float(share) for name, share in zip(labels, posterior, strict=True)}
