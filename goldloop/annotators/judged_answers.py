"""Judging answers: each beside what everybody else says, so that nobody is measured against himself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from goldloop.annotators.known_labels import known_label
from goldloop.annotators.profiles import Judged
from goldloop.consensus.evidence import Dossier
from goldloop.consensus.outcomes import Verdicts
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.requests import Ask, AskReason
from goldloop.core.tasks import Purpose


def judged_answers(verdicts: Verdicts, asks: Iterable[Ask], labels: LabelSet) -> list[Judged]:
    """Return every answer and skip but adjudicators' decisions, by annotation id, beside what others say.

    Known answers are those of onboarding, and of tasks that were asked once more *because* they were known:
    taking in other answers to samples that turned out to be known would pick people's mistakes.
    """
    places = {one.dossier.sample_id: place for place, one in enumerate(verdicts.verdicts)}
    controls = _controls_since(asks)
    found = []
    for answer in verdicts.answers:
        if answer.purpose is Purpose.ADJUDICATION:
            continue
        place = places.get(answer.sample_id)
        dossier = verdicts.verdicts[place].dossier if place is not None else None
        others = None
        if place is not None and dossier is not None and answer in dossier.votes:
            others = _others(verdicts, place, answer.annotator, labels)
        found.append(Judged(answer, _known(answer, dossier, controls), others))
    return found


def _controls_since(asks: Iterable[Ask]) -> dict[str, datetime]:
    """Return since when each task has been a control, by key."""
    since: dict[str, datetime] = {}
    for one in asks:
        if one.reason is AskReason.CONTROL and one.at is not None:
            since.setdefault(one.key, one.at)
    return since


def _known(answer: Answer, dossier: Dossier | None, controls: Mapping[str, datetime]) -> str | None:
    if dossier is None or answer.is_skip:
        return None
    if answer.purpose is Purpose.ONBOARDING:
        return known_label(dossier, without=answer.annotator)
    since = controls.get(dossier.plan["key"])
    if since is None or answer.created_at <= since:
        return None
    return known_label(dossier, without=answer.annotator, before=since)


def _others(verdicts: Verdicts, place: int, annotator: str, labels: LabelSet) -> dict[str, float] | None:
    case = verdicts.verdicts[place].dossier.case
    if case.probs is None and case.decision is None and not case.votes.keys() - {annotator}:
        return None
    posterior = verdicts.findings.leave_one_out(place, annotator)
    return {name: float(share) for name, share in zip(labels, posterior, strict=True)}
