"""Votes, decisions and answers that do not count: what the answers about one sample come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from goldloop.core.annotations import Answer
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.tasks import Purpose

APPEAL_ANSWERS = 2
"""People who decide an appeal, if they agree; an adjudicator decides where they differ."""

FIRST_OF = (
    *(Purpose.AUDIT, Purpose.SEED, Purpose.FULL, Purpose.REVIEW, Purpose.SHEET),
    *(Purpose.RECHECK, Purpose.APPEAL),
)
"""Order of precedence: a sample with tasks of several purposes has the first of these in gold."""


_LATER = (Purpose.RECHECK, Purpose.APPEAL, Purpose.ADJUDICATION)
"""Purposes of tasks about samples that others have answered before."""


def newest_votes(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return the newest answer of each annotator, in the order of their first answers."""
    given = [answer for answer in answers if not answer.is_skip]
    if len(given) < 2:
        return tuple(given)
    newest = {answer.annotator: answer for answer in sorted(given, key=_newness)}
    given.sort(key=lambda answer: (answer.created_at, answer.annotation_id))
    return tuple(newest[annotator] for annotator in dict.fromkeys(answer.annotator for answer in given))


def _newness(answer: Answer) -> tuple[datetime, int]:
    return answer.updated_at, answer.annotation_id


def appeal_answers(answers: Sequence[Answer]) -> list[Answer]:
    """Return the newest answer to the appeal of each annotator who answers the sample nowhere else."""
    if not any(answer.purpose is Purpose.APPEAL for answer in answers):
        return []
    elsewhere = {answer.annotator for answer in answers if answer.purpose is not Purpose.APPEAL}
    given = [answer for answer in answers if answer.purpose is Purpose.APPEAL and not answer.is_skip]
    newest = {answer.annotator: answer for answer in sorted(given, key=_newness)}
    return [answer for annotator, answer in newest.items() if annotator not in elsewhere]


def decision_of(
    answers: Iterable[Answer], appeal: Sequence[Answer], voters: Collection[str], adjudicators: set[str]
) -> Answer | None:
    """Return the newest decision: of an adjudicator who has not voted on the sample, or on the appeal."""
    decisions = [
        answer
        for answer in answers
        if answer.purpose is Purpose.ADJUDICATION
        and not answer.is_skip
        and answer.annotator not in voters
        and (not adjudicators or answer.annotator in adjudicators)
    ]
    if len(appeal) >= APPEAL_ANSWERS and len({answer.label for answer in appeal}) == 1:
        decisions.append(max(appeal, key=_newness))
    return max(decisions, key=_newness, default=None)


def uncounted_keys(
    answers: Collection[Answer], plans: Mapping[Purpose, PlannedTask], adjudicators: set[str]
) -> tuple[str, ...]:
    """Return the key of each answer to a recheck, an appeal or a dispute that does not count."""
    if not any(answer.purpose in _LATER for answer in answers):
        return ()
    people: dict[Purpose, set[str]] = {purpose: set() for purpose in Purpose}
    for answer in answers:
        if not answer.is_skip:
            people[answer.purpose].add(answer.annotator)
    rechecked, deciding = people[Purpose.RECHECK], people[Purpose.ADJUDICATION]
    on_appeal = people[Purpose.APPEAL]
    again = (Purpose.RECHECK, Purpose.APPEAL)
    voted = set().union(*(people[purpose] for purpose in FIRST_OF if purpose not in again))
    strangers = deciding - adjudicators if adjudicators else set()
    barred = {
        Purpose.RECHECK: rechecked & voted,
        Purpose.APPEAL: on_appeal & (voted | rechecked | deciding),
        Purpose.ADJUDICATION: (deciding & (voted | rechecked | on_appeal)) | strangers,
    }
    return tuple(plans[purpose].key for purpose in barred if purpose in plans for _ in barred[purpose])
