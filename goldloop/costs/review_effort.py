"""Review effort: how long annotators take and how often they are right, by kind of review.

What labelling everything would take is measured on the answers to audit samples, which are blind and a random
draw of all traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress, pairwise

import numpy as np

from goldloop.annotators.automation_bias import Observation, observations_of
from goldloop.annotators.profiles import AssessedAnswer, assessed_answers
from goldloop.annotators.skill import Columns, Floats, accuracy_against, expected_answers, wrong_answers
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose
from goldloop.costs.errors import Prices
from goldloop.costs.inputs import CostInputs
from goldloop.costs.time import times_of, working_seconds
from goldloop.routing.fit import Answered, KnownPeople
from goldloop.settings.costs import CostSettings
from goldloop.stats.measures import Measure, difference, exact, mean, product, scaled, total

QUICK = (Purpose.REVIEW,)
BLIND = (Purpose.AUDIT, Purpose.FULL, Purpose.RECHECK)
MIN_PART = 50  # answers about a part of the stakes, below which it is not assessed apart

Part = Callable[[SampleId], bool]
"""Which samples belong to a part of the stakes."""


N_PARTS = 3
"""Parts of the stakes, of as many answers each, about which annotators are assessed apart."""


def people_costs(
    outcomes: Outcomes,
    answer_requests: Iterable[AnswerRequest],
    labels: LabelSet,
    stakes: Mapping[SampleId, float] | None = None,
) -> KnownPeople:
    """Return how long answers took, and how often each answer was given for each true label.

    Quick reviews are assessed on the shown arm alone: a random draw of review tasks that somebody else
    answered blind too. Blind answers are assessed by everybody else's evidence. Nobody assesses an
    adjudicator's decisions, so that only their times are known. A kind of review is None where nobody was
    asked for it. With `stakes`, answers are also assessed apart for each third of the stakes that a kind of
    review meets, so that nobody assumes that large payments are judged as small ones are.
    """
    answers = outcomes.answers
    seconds = working_seconds(answers)
    assessed, observed = assessed_answers(outcomes, answer_requests, labels), observations_of(outcomes)

    def times(purposes: Collection[Purpose], part: Part, *, is_shown: bool) -> Floats:
        rows = np.array([part(answer.sample_id) for answer in answers], dtype=bool)
        return times_of(list(compress(answers, rows)), seconds[rows], purposes, is_shown=is_shown)

    def quick(part: Part) -> Answered | None:
        seen = [one for one in observed if one.sample_id is not None and part(one.sample_id)]
        return _answered(times(QUICK, part, is_shown=True), _shown_counts(seen, labels))

    def blind(part: Part) -> Answered | None:
        mine = [one for one in assessed if part(one.answer.sample_id)]
        return _answered(times(BLIND, part, is_shown=False), _blind_counts(mine, labels))

    deciding = times((Purpose.ADJUDICATION,), _everything, is_shown=False)
    met = {path: _met(answers, stakes or {}, path) for path in (QUICK, BLIND)}
    return KnownPeople(
        quick=_by_stake(quick, met[QUICK], stakes or {}),
        blind=_by_stake(blind, met[BLIND], stakes or {}),
        adjudicating=_answered(deciding, np.zeros((len(labels), len(labels)))),
    )


def _everything(_: SampleId) -> bool:
    return True


def _met(
    answers: Iterable[Answer], stakes: Mapping[SampleId, float], purposes: Collection[Purpose]
) -> list[float]:
    """Return the stakes of the answers given for one of `purposes`, as far as they are known."""
    mine = [answer.sample_id for answer in answers if answer.purpose in purposes and not answer.is_skip]
    return [stakes[one] for one in mine if one in stakes]


def _by_stake(
    assess: Callable[[Part], Answered | None], met: Sequence[float], stakes: Mapping[SampleId, float]
) -> Answered | None:
    """Return what `assess` finds of all answers, and beside it of each part of the stakes.

    Without MIN_PART answers for each part there is none.
    """
    whole = assess(_everything)
    if whole is None or len(met) < N_PARTS * MIN_PART:
        return whole
    edges = sorted({0.0, *inner_edges(met), np.inf})
    parts = [(low, assess(partial(_is_between, stakes, low, high))) for low, high in pairwise(edges)]
    return replace(whole, by_stake=tuple((low, part) for low, part in parts if part is not None))


def inner_edges(met: Sequence[float] | Floats) -> list[float]:
    """Return the stakes at which one part of those that annotators met ends and the next begins."""
    found: list[float] = np.quantile(met, np.linspace(0, 1, N_PARTS + 1)[1:-1]).tolist()
    return found


def _is_between(stakes: Mapping[SampleId, float], low: float, high: float, sample_id: SampleId) -> bool:
    stake = stakes.get(sample_id)
    return stake is not None and low <= stake < high


def _answered(seconds: Floats, counts: Floats) -> Answered | None:
    if not len(seconds) and not counts.any():
        return None
    return Answered(tuple(seconds.tolist()), tuple(tuple(row) for row in counts.tolist()))


def _shown_counts(observations: Iterable[Observation], labels: LabelSet) -> Floats:
    """Return how often each true label (row) got each answer (column) where the suggestion was shown."""
    counts = np.zeros((len(labels), len(labels)))
    for seen in observations:
        if seen.is_shown and seen.truth in labels and seen.truth is not None:
            counts[labels.column(seen.truth), labels.column(seen.answer_label)] += 1
    return counts


def _blind_counts(assessed: Sequence[AssessedAnswer], labels: LabelSet) -> Floats:
    """Return the expected count of each blind answer (column) for each true label (row), over everybody."""
    others, answered = _compared(assessed, BLIND, labels)
    wrong = wrong_answers(others, answered)
    accuracy = accuracy_against(others, answered, wrong).estimate
    if accuracy is None:
        return np.zeros((len(labels), len(labels)))
    counts, _ = expected_answers(others, answered, wrong, accuracy.value)
    return counts


def _compared(
    assessed: Sequence[AssessedAnswer], purposes: Collection[Purpose], labels: LabelSet
) -> tuple[Floats, Columns]:
    """Return the posterior (n, n_labels) without each blind answer, and the columns answered (n,)."""
    pairs = [
        (labels.column(entry.answer.label), entry.others)
        for entry in assessed
        if entry.answer.purpose in purposes and not entry.answer.is_shown
        if entry.answer.label is not None and entry.others is not None
    ]
    posteriors = np.array([[others.get(label, 0.0) for label in labels] for _, others in pairs])
    answered = np.array([column for column, _ in pairs], dtype=np.intp)
    return posteriors.reshape(len(pairs), len(labels)), answered


def blind_accuracy(
    assessed: Sequence[AssessedAnswer], purposes: Collection[Purpose], labels: LabelSet
) -> Measure:
    """Return how often blind answers are right, by everybody else's evidence."""
    others, answered = _compared(assessed, purposes, labels)
    return accuracy_against(others, answered, wrong_answers(others, answered))


@dataclass(frozen=True, slots=True)
class Answering:
    """One blind answer to a sample of all traffic: its mean `seconds`, and its `accuracy`.

    `assumptions` holds a sentence for each figure that is not known yet and comes from the settings.
    """

    seconds: Measure
    accuracy: Measure
    assumptions: tuple[str, ...] = ()

    def sample(self, prices: Prices, stake: float = 0.0) -> Measure:
        """Return what labelling one sample costs: the time, and the expected cost of a wrong answer.

        `stake` is the mean one of the samples.
        """
        wrong = difference(exact(1.0), self.accuracy)
        return total(
            [scaled(self.seconds, prices.minute / 60), product(wrong, exact(prices.errors.mean(stake)))]
        )


def answering(
    inputs: CostInputs, settings: CostSettings, labels: LabelSet, rounds: Collection[int]
) -> Answering:
    """Return time and accuracy of one blind answer in `rounds`, from audits, else from `settings`."""
    audits = (Purpose.AUDIT,)
    places = [place for place, answer in enumerate(inputs.answers) if answer.round in rounds]
    answers = [inputs.answers[place] for place in places]
    seconds = mean(times_of(answers, inputs.seconds[places], audits, is_shown=False))
    assessed = [entry for entry in inputs.assessed if entry.answer.round in rounds]
    accuracy = blind_accuracy(assessed, audits, labels)
    assumptions = []
    if seconds.estimate is None:
        assumptions.append(f"a blind answer takes {settings.quick_s:g} s ({seconds}; cost.quick_s)")
        seconds = exact(settings.quick_s)
    if accuracy.estimate is None:
        share = settings.quick_accuracy
        assumptions.append(f"a blind answer is right in {share:.0%} ({accuracy}; cost.quick_accuracy)")
        accuracy = exact(share)
    return Answering(seconds, accuracy, tuple(assumptions))
