"""Review effort: how long annotators take and how often they are right, by kind of review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from goldloop.annotators.automation_bias import Observation, observations_of
from goldloop.annotators.profiles import AssessedAnswer, assessed_answers
from goldloop.annotators.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import AnswerRequest, Purpose
from goldloop.costs.time import times_of, working_seconds
from goldloop.routing.fit import Answered, KnownPeople

BLIND = (Purpose.AUDIT, Purpose.FULL, Purpose.RECHECK)


def people_costs(
    outcomes: Outcomes, answer_requests: Iterable[AnswerRequest], labels: LabelSet
) -> KnownPeople:
    """Return how long answers took, and how often each answer was given for each true label.

    Quick reviews are assessed on the shown arm alone: a random draw of review tasks that somebody else
    answered blind too. Blind answers are assessed by everybody else's evidence. Nobody assesses an
    adjudicator's decisions, so that only their times are known. A kind of review is None where nobody was
    asked for it.
    """
    answers = outcomes.answers
    seconds = working_seconds(answers)
    assessed = assessed_answers(outcomes, answer_requests, labels)
    shown = times_of(answers, seconds, (Purpose.REVIEW,), is_shown=True)
    blind = times_of(answers, seconds, BLIND, is_shown=False)
    deciding = times_of(answers, seconds, (Purpose.ADJUDICATION,), is_shown=False)
    return KnownPeople(
        quick=_answered(shown, shown_counts(observations_of(outcomes), labels)),
        blind=_answered(blind, blind_counts(assessed, BLIND, labels)),
        adjudicating=_answered(deciding, np.zeros((len(labels), len(labels)))),
    )


def _answered(seconds: Floats, counts: Floats) -> Answered | None:
    if not len(seconds) and not counts.any():
        return None
    return Answered(tuple(seconds.tolist()), tuple(tuple(row) for row in counts.tolist()))


def shown_counts(observations: Iterable[Observation], labels: LabelSet) -> Floats:
    """Return how often each true label (row) got each answer (column) where the suggestion was shown."""
    counts = np.zeros((len(labels), len(labels)))
    for seen in observations:
        if seen.is_shown and seen.truth in labels and seen.truth is not None:
            counts[labels.column(seen.truth), labels.column(seen.answer_label)] += 1
    return counts


def blind_counts(assessed: Sequence[AssessedAnswer], purposes: Iterable[Purpose], labels: LabelSet) -> Floats:
    """Return the expected count of each blind answer (column) for each true label (row), over everybody."""
    others, answered = compared(assessed, purposes, labels)
    wrong = wrong_answers(others, answered)
    accuracy = accuracy_against(others, answered, wrong).estimate
    if accuracy is None:
        return np.zeros((len(labels), len(labels)))
    counts, _ = expected_answers(others, answered, wrong, accuracy.value)
    return counts


def compared(
    assessed: Sequence[AssessedAnswer], purposes: Iterable[Purpose], labels: LabelSet
) -> tuple[Floats, Columns]:
    """Return the posterior (n, n_labels) without each blind answer, and the columns answered (n,)."""
    wanted = set(purposes)
    pairs = [
        (labels.column(answer.label), others)
        for answer, others in ((entry.answer, entry.others) for entry in assessed)
        if answer.purpose in wanted
        and not answer.is_shown
        and answer.label is not None
        and others is not None
    ]
    posteriors = np.array([[others.get(label, 0.0) for label in labels] for _, others in pairs])
    answered = np.array([column for column, _ in pairs], dtype=np.intp)
    return posteriors.reshape(len(pairs), len(labels)), answered
