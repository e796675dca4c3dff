"""Profiles: the accuracy and pace of each annotator, every figure with its interval and n.

Each answer is assessed by the evidence without it, so that nobody confirms themselves.
Annotators are pseudonymous: the id that the labelling server gave them, never a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from goldloop.annotators.honeypots import known_label
from goldloop.annotators.pace import Pace, pace
from goldloop.annotators.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason
from goldloop.stats.measures import MIN_N, Measure, difference, share
from goldloop.stats.metrics import Z_95, Flags

WEEKLY_Z = 3.3
"""Quantile at which an annotator is called falling: one steady week in 2,000.

At 1.96 four steady annotators, checked weekly for 52 weeks, were called falling eight times a year
(python -m scripts.bench.year).
"""

MOST_CONFUSIONS = 3
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class AssessedAnswer:
    """An answer beside its references.

    `known` is the label known without this annotator, where the answer was requested because the label was
    known: a honeypot or an onboarding task. `others` is the posterior over labels from everybody else's votes
    and the model, without this answer; None where there is neither.
    """

    answer: Answer
    known: str | None
    others: Mapping[str, float] | None


def assessed_answers(
    outcomes: Outcomes, answer_requests: Iterable[AnswerRequest], labels: LabelSet
) -> list[AssessedAnswer]:
    """Return every answer and skip but those that decide, by annotation id, with its references.

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
        if answer.purpose in (Purpose.ADJUDICATION, Purpose.APPEAL):  # they decide
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


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of labels: the expected number of answers `answered` where `right` is the true label."""

    right: str
    answered: str
    n_expected: float


@dataclass(frozen=True, slots=True)
class RoundAccuracy:
    """The accuracy of one annotator in one round."""

    round: int
    accuracy: Measure


@dataclass(frozen=True, slots=True)
class AnnotatorProfile:
    """The accuracy and pace of one annotator.

    `accuracy` rests on all blind answers with a reference: `on_honeypots` on those with a known label (mostly
    easy ones), `against_others` on those with a posterior from other annotators or the model. The
    `n_suggested` answers beside a shown suggestion do not count: an annotator who adopts it agrees with the
    model whether it is right or not. `drift` is the accuracy in the newest rounds that hold at least `MIN_N`
    answers, minus the accuracy before. `is_flagged`: the whole interval of `accuracy` is below the bar.
    `is_falling`: `drift` is negative at the stricter level WEEKLY_Z, because everybody is checked each week.
    """

    annotator: str
    n_answers: int
    n_suggested: int
    accuracy: Measure
    on_honeypots: Measure
    against_others: Measure
    confusions: tuple[Confusion, ...]
    pace: Pace
    skips: Measure
    skip_reasons: Mapping[str, int]
    rounds: tuple[RoundAccuracy, ...]
    drift: Measure
    is_flagged: bool
    is_falling: bool

    @property
    def name(self) -> str:
        """The name in reports, for example 'annotator 3'."""
        return f"annotator {self.annotator}"


def annotator_profiles(
    assessed: Sequence[AssessedAnswer], *, labels: LabelSet, bar: float
) -> tuple[AnnotatorProfile, ...]:
    """Return the profiles of all annotators, by id, whatever the order of `assessed`.

    Raises:
        LabelError: an answer, known label or posterior outside `labels`.
    """
    of_annotator: dict[str, list[AssessedAnswer]] = {}
    for entry in sorted(assessed, key=lambda entry: entry.answer.annotation_id):
        of_annotator.setdefault(entry.answer.annotator, []).append(entry)
    compared = {annotator: _compared(entries, labels) for annotator, entries in of_annotator.items()}
    if not compared:
        return ()
    wrong = wrong_answers(
        np.concatenate([rows.right for rows in compared.values()]),
        np.concatenate([rows.answered for rows in compared.values()]),
    )
    return tuple(
        _profile(of_annotator[annotator], compared[annotator], labels=labels, wrong=wrong, bar=bar)
        for annotator in sorted(of_annotator, key=lambda name: (len(name), name))
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """One annotator's blind answers that have a reference, a row each.

    `right` (n, n_labels) is the reference: a 1 at the known label, else the posterior without this annotator.
    `others` is the posterior alone, zeros where there is none.
    """

    right: Floats
    others: Floats
    answered: Columns
    is_known: Flags
    rounds: Columns

    def accuracy(self, wrong: Floats, rows: Flags) -> Measure:
        return accuracy_against(self.right[rows], self.answered[rows], wrong)


def _compared(assessed: Sequence[AssessedAnswer], labels: LabelSet) -> _Compared:
    kept = [
        entry
        for entry in assessed
        if not entry.answer.is_skip
        and not entry.answer.is_shown
        and (entry.known is not None or entry.others)
    ]
    others, right = np.zeros((2, len(kept), len(labels)))
    for row, entry in enumerate(kept):
        for label, probability in (entry.others or {}).items():
            others[row, labels.column(label)] = probability
        right[row] = others[row]
        if entry.known is not None:
            right[row] = np.eye(len(labels))[labels.column(entry.known)]
    return _Compared(
        right=right / right.sum(axis=1, keepdims=True),
        others=others / np.maximum(others.sum(axis=1, keepdims=True), _NOTHING),
        answered=np.array([labels.column(str(entry.answer.label)) for entry in kept], dtype=np.intp),
        is_known=np.array([entry.known is not None for entry in kept], dtype=bool),
        rounds=np.array([entry.answer.round for entry in kept], dtype=np.intp),
    )


def _profile(
    assessed: Sequence[AssessedAnswer], compared: _Compared, *, labels: LabelSet, wrong: Floats, bar: float
) -> AnnotatorProfile:
    answers = [entry.answer for entry in assessed]
    given = [answer for answer in answers if not answer.is_skip]
    singly = [answer for answer in answers if not answer.purpose.is_on_sheet]  # a click there is no skip
    skipped = [answer for answer in singly if answer.is_skip]
    reasons = Counter(answer.reason or "no reason given" for answer in skipped)
    accuracy = compared.accuracy(wrong, np.full(len(compared.answered), True))
    has_others = compared.others.any(axis=1)
    is_right = compared.answered[compared.is_known] == compared.right[compared.is_known].argmax(axis=1)
    drift = _drift(compared, wrong)
    return AnnotatorProfile(
        annotator=answers[0].annotator,
        n_answers=len(given),
        n_suggested=sum(answer.is_shown for answer in given),
        accuracy=accuracy,
        on_honeypots=share(int(is_right.sum()), len(is_right)),
        against_others=accuracy_against(compared.others[has_others], compared.answered[has_others], wrong),
        confusions=_confusions(compared, labels, wrong, accuracy),
        pace=pace(answers),
        skips=share(len(skipped), len(singly)),
        skip_reasons=dict(reasons.most_common()),
        rounds=tuple(
            RoundAccuracy(int(number), compared.accuracy(wrong, compared.rounds == number))
            for number in np.unique(compared.rounds)
        ),
        drift=drift,
        is_flagged=accuracy.estimate is not None and accuracy.estimate.high < bar,
        is_falling=_is_falling(drift),
    )


def _is_falling(drift: Measure) -> bool:
    """Return whether the interval of `drift`, widened from Z_95 to WEEKLY_Z, lies below 0."""
    change = drift.estimate
    if change is None or change.value >= 0:
        return False
    return change.value + (change.high - change.value) * WEEKLY_Z / Z_95 < 0


def _confusions(
    compared: _Compared, labels: LabelSet, wrong: Floats, accuracy: Measure
) -> tuple[Confusion, ...]:
    """Return the pairs with an expected count of at least 1, most frequent first."""
    if accuracy.estimate is None:
        return ()
    counts, _ = expected_answers(compared.right, compared.answered, wrong, accuracy.estimate.value)
    confusions = [
        Confusion(labels[row], labels[column], float(n))
        for (row, column), n in np.ndenumerate(counts)
        if row != column and n >= 1
    ]
    return tuple(sorted(confusions, key=lambda pair: -pair.n_expected)[:MOST_CONFUSIONS])


def _drift(compared: _Compared, wrong: Floats) -> Measure:
    """Return the accuracy of the newest rounds that hold enough answers, minus that of the rounds before."""
    for number in np.unique(compared.rounds)[::-1]:
        is_new = compared.rounds >= number
        if is_new.sum() >= MIN_N:
            return difference(compared.accuracy(wrong, is_new), compared.accuracy(wrong, ~is_new))
    return Measure(len(compared.rounds), None)
