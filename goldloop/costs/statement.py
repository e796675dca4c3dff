"""Statements: what the annotators' time cost in some rounds, and what it saved.

Three ways of working are compared on the samples that have a label: those that the model's label was accepted
for, and those that annotators labelled.

- As it was: the annotators' time, the errors let through, and the errors that annotators made.
- Labelling everything: one blind answer to each sample, with the annotators' own errors.
- Accepting everything: the model's label for each sample.

Samples that wait for annotators have no label yet and count in none of the three. The models are taken as
they were: that they would be worse without the labels is in no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.core.lanes import Lane
from goldloop.costs.answer_costs import Answering
from goldloop.costs.errors import audited_accepted, expected, price_of_error, wrong_share
from goldloop.costs.inputs import NO_LABEL, CostInputs, Labelled
from goldloop.costs.prices import Prices
from goldloop.costs.time import minutes_spent
from goldloop.stats.measures import Measure, difference, exact, product, scaled, total
from goldloop.stats.metrics import Flags

NOTHING_ACCEPTED = "nothing accepted"
NOTHING_REVIEWED = "nothing reviewed"
NO_MODEL = "no model yet"


@dataclass(frozen=True, slots=True)
class Statement:
    """What `rounds` cost and saved; amounts in `currency`, every estimate with its interval.

    `n_answers` counts answers and skips, `answers` the same by purpose. `n_scored` samples were scored for
    the first time; `n_accepted` of them were accepted. `n_gold` samples got their label from annotators. Of
    the `n_looked` samples that the policy had sent to annotators, `n_corrected` differ from the model's
    label, and `caught` of these corrections are right by the posterior of gold. `let_through` is the number
    of wrong labels among the accepted samples that nobody labelled; `error_cost` is the cost of these and of
    the wrong labels in gold. Savings compare with the other two ways of working; below 0 they are losses.
    """

    rounds: tuple[int, ...]
    currency: str
    n_answers: int
    answers: Mapping[str, int]
    minutes: Measure
    spent: Measure
    n_scored: int
    n_accepted: int
    n_gold: int
    n_looked: int
    n_corrected: int
    caught: Measure
    let_through: Measure
    error_cost: Measure
    saved_against_labelling: Measure
    saved_against_accepting: Measure


def statement(inputs: CostInputs, prices: Prices, answering: Answering, rounds: Collection[int]) -> Statement:
    """Return the statement of `rounds`; each answer, decision and gold label belongs to one round.

    `answering` is the cost of one blind answer, for the comparison with labelling everything.
    """
    gave = np.array([answer.round in rounds for answer in inputs.answers], dtype=bool)
    minutes = minutes_spent(inputs.answers, inputs.seconds, gave)
    spent = scaled(minutes, prices.minute)
    gold = inputs.labelled.where(np.isin(inputs.labelled.rounds, sorted(rounds)))
    looked = gold.where(gold.is_reviewed)
    corrected = looked.where(looked.machine != looked.label)

    scored = np.isin(inputs.traffic.rounds, sorted(rounds))
    accepted = scored & (inputs.traffic.lanes == str(Lane.AUTO))
    n_unseen = int((accepted & ~inputs.is_labelled).sum())
    audits = audited_accepted(inputs.audited, rounds)
    share = wrong_share(audits, inputs.traffic.where(accepted)) if n_unseen else exact(0.0)
    let_through = scaled(share, n_unseen)
    through_cost = product(let_through, price_of_error(audits, prices.errors))
    gold_cost = expected(prices.errors.T[gold.label], gold.posterior)
    error_cost = total([through_cost, gold_cost])
    everything = scaled(answering.sample(prices), n_unseen + len(gold))
    return Statement(
        rounds=tuple(sorted(rounds)),
        currency=prices.currency,
        n_answers=int(gave.sum()),
        answers=_by_purpose(inputs, gave),
        minutes=minutes,
        spent=spent,
        n_scored=int(scored.sum()),
        n_accepted=int(accepted.sum()),
        n_gold=len(gold),
        n_looked=len(looked),
        n_corrected=len(corrected),
        caught=_caught(looked, corrected),
        let_through=let_through if accepted.any() else Measure(0, None, NOTHING_ACCEPTED),
        error_cost=error_cost,
        saved_against_labelling=difference(everything, total([spent, error_cost])),
        saved_against_accepting=_against_accepting(gold, prices, spent),
    )


def _by_purpose(inputs: CostInputs, rows: Flags) -> dict[str, int]:
    given = Counter(str(answer.purpose) for answer, is_in in zip(inputs.answers, rows, strict=True) if is_in)
    return dict(sorted(given.items()))


def _caught(looked: Labelled, corrected: Labelled) -> Measure:
    if not len(looked):
        return Measure(0, None, NOTHING_REVIEWED)
    if not len(corrected):
        return exact(0.0, len(looked))
    return expected(np.eye(corrected.posterior.shape[1])[corrected.label], corrected.posterior)


def _against_accepting(gold: Labelled, prices: Prices, spent: Measure) -> Measure:
    """Return how much more the model's labels would have cost than those of gold, minus the time spent."""
    scored = gold.where(gold.machine != NO_LABEL)
    if not len(scored):
        return Measure(0, None, NO_MODEL)
    errors = prices.errors.T
    return difference(expected(errors[scored.machine] - errors[scored.label], scored.posterior), spent)
