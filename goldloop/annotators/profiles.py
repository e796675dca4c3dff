"""Annotators: what each person's answers are worth, every figure with its interval and n.

People are pseudonymous: the id that the labelling server gave them, never a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.annotators.pace import Pace, pace
from goldloop.annotators.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.stats.measures import MIN_N, Measure, difference, share
from goldloop.stats.metrics import Z_95

Flags = npt.NDArray[np.bool_]


WEEKLY_Z = 3.3
"""Quantile at which somebody is called falling: one steady week in 2,000.

At 1.96 four steady people who are looked at for 52 weeks were called falling eight times a year
(scripts/bench/year).
"""

MOST_CONFUSIONS = 3
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer beside what others say.

    `known` is the known answer, found without this person, where the answer was asked for *because* it was
    known: a control or onboarding. It must not be filled in afterwards from samples that were asked again
    because somebody doubted this answer; those are mainly its mistakes. `others` is the posterior over labels
    from everybody else's votes and the model, found without this answer, also where only the model speaks;
    None where nobody does.
    """

    answer: Answer
    known: str | None
    others: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of labels: of the answers where `right` was right, the share that said `said`."""

    right: str
    said: str
    n_expected: float
    share: Measure


@dataclass(frozen=True, slots=True)
class RoundAccuracy:
    """How good somebody was in one round."""

    round: int
    accuracy: Measure


@dataclass(frozen=True, slots=True)
class Person:
    """What one annotator's answers are worth.

    `accuracy` rests on all blind answers that anything else speaks to: `on_controls` on those with known
    labels (the easy ones, as a rule), `against_others` on those that other people or the model judge, without
    this person. The `n_suggested` answers given beside a suggestion judge nobody: who adopts it agrees with
    the model whether it is right or not. `drift` is the accuracy in the newest rounds, at least `MIN_N`
    answers of them, minus that before. `is_flagged` is who is below the bar, by evidence: the whole interval
    says so. `is_falling` is who is worse than before, by more evidence, as everybody is looked at each week.
    """

    annotator: str
    n_answers: int
    n_suggested: int
    accuracy: Measure
    on_controls: Measure
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
        """How reports call this person, for example 'annotator 3'."""
        return f"annotator {self.annotator}"


def people(judged: Sequence[Judged], *, labels: LabelSet, bar: float) -> tuple[Person, ...]:
    """Return everybody who answered or skipped, by id; the order of `judged` does not matter.

    Raises:
        LabelError: an answer, known answer or posterior outside `labels`.
    """
    by_person: dict[str, list[Judged]] = {}
    for one in sorted(judged, key=lambda one: one.answer.annotation_id):
        by_person.setdefault(one.answer.annotator, []).append(one)
    compared = {annotator: _compared(found, labels) for annotator, found in by_person.items()}
    if not compared:
        return ()
    wrong = wrong_answers(
        np.concatenate([one.right for one in compared.values()]),
        np.concatenate([one.said for one in compared.values()]),
    )
    return tuple(
        _person(by_person[annotator], compared[annotator], labels=labels, wrong=wrong, bar=bar)
        for annotator in sorted(by_person, key=lambda name: (len(name), name))
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """One person's blind answers that something else speaks to, a row each.

    `right` (n, n_labels) is what is taken to be right: a 1 at the known label, else what others say.
    `others` is the same without known labels, zeros where nobody else says anything.
    """

    right: Floats
    others: Floats
    said: Columns
    is_known: Flags
    rounds: Columns

    def accuracy(self, wrong: Floats, rows: Flags) -> Measure:
        return accuracy_against(self.right[rows], self.said[rows], wrong)


def _compared(judged: Sequence[Judged], labels: LabelSet) -> _Compared:
    kept = [
        one
        for one in judged
        if not one.answer.is_skip and not one.answer.is_shown and (one.known is not None or one.others)
    ]
    others, right = np.zeros((2, len(kept), len(labels)))
    for row, one in enumerate(kept):
        for label, probability in (one.others or {}).items():
            others[row, labels.column(label)] = probability
        right[row] = others[row]
        if one.known is not None:
            right[row] = np.eye(len(labels))[labels.column(one.known)]
    return _Compared(
        right=right / right.sum(axis=1, keepdims=True),
        others=others / np.maximum(others.sum(axis=1, keepdims=True), _NOTHING),
        said=np.array([labels.column(str(one.answer.label)) for one in kept], dtype=np.intp),
        is_known=np.array([one.known is not None for one in kept], dtype=bool),
        rounds=np.array([one.answer.round for one in kept], dtype=np.intp),
    )


def _person(
    judged: Sequence[Judged], compared: _Compared, *, labels: LabelSet, wrong: Floats, bar: float
) -> Person:
    answers = [one.answer for one in judged]
    given = [one for one in answers if not one.is_skip]
    reasons = Counter(one.reason or "no reason given" for one in answers if one.is_skip)
    accuracy = compared.accuracy(wrong, np.full(len(compared.said), True))
    is_heard = compared.others.any(axis=1)
    controls = compared.said[compared.is_known] == compared.right[compared.is_known].argmax(axis=1)
    drift = _drift(compared, wrong)
    return Person(
        annotator=answers[0].annotator,
        n_answers=len(given),
        n_suggested=sum(one.is_shown for one in given),
        accuracy=accuracy,
        on_controls=share(int(controls.sum()), len(controls)),
        against_others=accuracy_against(compared.others[is_heard], compared.said[is_heard], wrong),
        confusions=_confusions(compared, labels, wrong, accuracy),
        pace=pace(answers),
        skips=share(len(answers) - len(given), len(answers)),
        skip_reasons=dict(reasons.most_common()),
        rounds=tuple(
            RoundAccuracy(int(number), compared.accuracy(wrong, compared.rounds == number))
            for number in np.unique(compared.rounds)
        ),
        drift=drift,
        is_flagged=_is_surely_below(accuracy, bar),
        is_falling=_is_falling(drift),
    )


def _is_surely_below(measure: Measure, limit: float) -> bool:
    return measure.estimate is not None and measure.estimate.high < limit


def _is_falling(drift: Measure) -> bool:
    """Return whether the loss is beyond chance at WEEKLY_Z, the interval's distance to 0 being at Z_95."""
    found = drift.estimate
    if found is None or found.value >= 0:
        return False
    return found.value + (found.high - found.value) * WEEKLY_Z / Z_95 < 0


def _confusions(
    compared: _Compared, labels: LabelSet, wrong: Floats, accuracy: Measure
) -> tuple[Confusion, ...]:
    """Return the pairs that probably happened at least once, most frequent first."""
    if accuracy.estimate is None:
        return ()
    counts, _ = expected_answers(compared.right, compared.said, wrong, accuracy.estimate.value)
    totals = counts.sum(axis=1)
    found = [
        Confusion(labels[row], labels[column], float(n), share(round(n), round(totals[row])))
        for (row, column), n in np.ndenumerate(counts)
        if row != column and n >= 1
    ]
    return tuple(sorted(found, key=lambda one: -one.n_expected)[:MOST_CONFUSIONS])


def _drift(compared: _Compared, wrong: Floats) -> Measure:
    """Return the accuracy of the newest rounds that hold enough answers, minus that of the rounds before."""
    for number in np.unique(compared.rounds)[::-1]:
        is_new = compared.rounds >= number
        if is_new.sum() >= MIN_N:
            return difference(compared.accuracy(wrong, is_new), compared.accuracy(wrong, ~is_new))
    return Measure(len(compared.rounds), None)
