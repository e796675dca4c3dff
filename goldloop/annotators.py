"""Annotators: what each person's answers are worth, every figure with its interval and n.

People are pseudonymous: the id that the labelling server gave them, never a name or an address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.answers import Answer
from goldloop.labels import LabelSet
from goldloop.measures import MIN_N, Measure, difference, share
from goldloop.pace import Pace, pace
from goldloop.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers

MOST_CONFUSIONS = 3


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
    answers of them, minus that before. `is_flagged`: below the bar by evidence, the whole interval is.
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

    @property
    def name(self) -> str:
        """How reports call this person, for example 'annotator 3'."""
        return f"annotator {self.annotator}"

    @property
    def is_falling(self) -> bool:
        """Whether the newest rounds are worse by evidence: the whole interval of `drift` lies below 0."""
        return self.drift.estimate is not None and self.drift.estimate.high < 0


def people(judged: Sequence[Judged], *, labels: LabelSet, bar: float) -> tuple[Person, ...]:
    """Return everybody who answered or skipped, by id; the order of `judged` does not matter.

    Raises:
        LabelError: an answer, known answer or posterior outside `labels`.
    """
    by_person: dict[str, list[Judged]] = {}
    for one in sorted(judged, key=lambda one: one.answer.annotation_id):
        by_person.setdefault(one.answer.annotator, []).append(one)
    wrong = wrong_answers(*_arrays(_comparable(judged), labels))
    return tuple(
        _person(annotator, by_person[annotator], labels=labels, wrong=wrong, bar=bar)
        for annotator in sorted(by_person, key=lambda name: (len(name), name))
    )


def _person(
    annotator: str, judged: Sequence[Judged], *, labels: LabelSet, wrong: Floats, bar: float
) -> Person:
    compared = _comparable(judged)
    answers = [one.answer for one in judged]
    given = [one for one in answers if not one.is_skip]
    skipped = [one for one in answers if one.is_skip]
    accuracy = _accuracy(compared, labels, wrong)
    return Person(
        annotator=annotator,
        n_answers=len(given),
        n_suggested=sum(one.is_shown for one in given),
        accuracy=accuracy,
        on_controls=_on_controls(compared),
        against_others=_accuracy([_without_known(one) for one in compared if one.others], labels, wrong),
        confusions=_confusions(compared, labels, wrong, accuracy),
        pace=pace(answers),
        skips=share(len(skipped), len(answers)),
        skip_reasons=dict(Counter(one.reason or "no reason given" for one in skipped).most_common()),
        rounds=_rounds(compared, labels, wrong),
        drift=_drift(compared, labels, wrong),
        is_flagged=accuracy.estimate is not None and accuracy.estimate.high < bar,
    )


def _comparable(judged: Sequence[Judged]) -> list[Judged]:
    """Return the blind answers that something else speaks to."""
    return [
        one
        for one in judged
        if not one.answer.is_skip and not one.answer.is_shown and (one.known is not None or one.others)
    ]


def _without_known(one: Judged) -> Judged:
    return Judged(one.answer, None, one.others)


def _arrays(judged: Sequence[Judged], labels: LabelSet) -> tuple[Floats, Columns]:
    """Return what others say (n, n_labels), a 1 where the label is known, and the columns answered (n,)."""
    others = np.zeros((len(judged), len(labels)))
    said = np.zeros(len(judged), dtype=np.intp)
    for row, one in enumerate(judged):
        said[row] = labels.column(str(one.answer.label))
        for label, probability in ({one.known: 1.0} if one.known is not None else one.others or {}).items():
            others[row, labels.column(label)] = probability
    return others / np.maximum(others.sum(axis=1, keepdims=True), 1e-12), said


def _accuracy(judged: Sequence[Judged], labels: LabelSet, wrong: Floats) -> Measure:
    return accuracy_against(*_arrays(judged, labels), wrong)


def _on_controls(judged: Sequence[Judged]) -> Measure:
    controls = [one for one in judged if one.known is not None]
    return share(sum(one.answer.label == one.known for one in controls), len(controls))


def _confusions(
    judged: Sequence[Judged], labels: LabelSet, wrong: Floats, accuracy: Measure
) -> tuple[Confusion, ...]:
    """Return the pairs that probably happened at least once, most frequent first."""
    if accuracy.estimate is None:
        return ()
    counts, _ = expected_answers(*_arrays(judged, labels), wrong, accuracy.estimate.value)
    totals = counts.sum(axis=1)
    found = [
        Confusion(labels[row], labels[column], float(n), share(round(n), round(totals[row])))
        for (row, column), n in np.ndenumerate(counts)
        if row != column and n >= 1
    ]
    return tuple(sorted(found, key=lambda one: -one.n_expected)[:MOST_CONFUSIONS])


def _rounds(judged: Sequence[Judged], labels: LabelSet, wrong: Floats) -> tuple[RoundAccuracy, ...]:
    numbers = sorted({one.answer.round for one in judged})
    return tuple(
        RoundAccuracy(number, _accuracy([one for one in judged if one.answer.round == number], labels, wrong))
        for number in numbers
    )


def _drift(judged: Sequence[Judged], labels: LabelSet, wrong: Floats) -> Measure:
    """Return the accuracy of the newest rounds that hold enough answers, minus that of the rounds before."""
    newest: list[Judged] = []
    for number in sorted({one.answer.round for one in judged}, reverse=True):
        newest += [one for one in judged if one.answer.round == number]
        if len(newest) >= MIN_N:
            before = [one for one in judged if one.answer.round < number]
            return difference(_accuracy(newest, labels, wrong), _accuracy(before, labels, wrong))
    return Measure(len(newest), None)
