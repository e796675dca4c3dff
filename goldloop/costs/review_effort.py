"""Looks: how long people take and how often they are right, by how they are asked, for the cost policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from goldloop.annotators.anchoring import Observation, observations_of
from goldloop.annotators.judged_answers import judged_answers
from goldloop.annotators.profiles import Judged
from goldloop.annotators.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.labels import LabelSet
from goldloop.core.requests import AnswerRequest
from goldloop.core.tasks import Purpose
from goldloop.costs.time import times_of, working_seconds
from goldloop.routing.fit import Answered, KnownPeople

BLIND = (Purpose.AUDIT, Purpose.FULL, Purpose.RECHECK)


def people_costs(
    outcomes: Outcomes, answer_requests: Iterable[AnswerRequest], labels: LabelSet
) -> KnownPeople:
    """Return how long people's answers took and how often which was given for which label.

    A quick review is judged on the checked arm of anchoring alone, which chance drew from the review tasks and
    somebody else answered blind; blind answers by what everybody else says. Decisions have nobody above them
    who could judge them: they bring their times only. None where nobody was asked in that way.
    """
    answers = outcomes.answers
    seconds = working_seconds(answers)
    judged = judged_answers(outcomes, answer_requests, labels)
    shown = times_of(answers, seconds, (Purpose.REVIEW,), is_shown=True)
    blind = times_of(answers, seconds, BLIND, is_shown=False)
    deciding = times_of(answers, seconds, (Purpose.ADJUDICATION,), is_shown=False)
    return KnownPeople(
        quick=_answered(shown, checked_counts(observations_of(outcomes), labels)),
        blind=_answered(blind, blind_counts(judged, BLIND, labels)),
        adjudicating=_answered(deciding, np.zeros((len(labels), len(labels)))),
    )


def _answered(seconds: Floats, counts: Floats) -> Answered | None:
    if not len(seconds) and not counts.any():
        return None
    return Answered(tuple(seconds.tolist()), tuple(tuple(row) for row in counts.tolist()))


def checked_counts(seen: Iterable[Observation], labels: LabelSet) -> Floats:
    """Return how often each label (row) was answered by each (column) beside a suggestion."""
    counts = np.zeros((len(labels), len(labels)))
    for one in seen:
        if one.is_shown and one.truth in labels and one.truth is not None:
            counts[labels.column(one.truth), labels.column(one.answer_label)] += 1
    return counts


def blind_counts(judged: Sequence[Judged], purposes: Iterable[Purpose], labels: LabelSet) -> Floats:
    """Return how often each label (row) was probably answered by each (column), blind, by everybody."""
    others, said = compared(judged, purposes, labels)
    wrong = wrong_answers(others, said)
    found = accuracy_against(others, said, wrong).estimate
    if found is None:
        return np.zeros((len(labels), len(labels)))
    counts, _ = expected_answers(others, said, wrong, found.value)
    return counts


def compared(
    judged: Sequence[Judged], purposes: Iterable[Purpose], labels: LabelSet
) -> tuple[Floats, Columns]:
    """Return what others say (n, n_labels) of each blind answer, and the answers (n,)."""
    wanted = set(purposes)
    seen = [
        (labels.column(one.answer.label), one.others)
        for one in judged
        if one.answer.purpose in wanted
        and not one.answer.is_shown
        and one.answer.label is not None
        and one.others is not None
    ]
    others = np.array([[posterior.get(label, 0.0) for label in labels] for _, posterior in seen])
    said = np.array([column for column, _ in seen], dtype=np.intp)
    return others.reshape(len(seen), len(labels)), said
