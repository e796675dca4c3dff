"""Statements: what the annotators' time cost in some rounds, and what it saved.

Three ways of working are compared on the samples that have a label: those that the model's label was accepted
for, and those that annotators labelled.

- As it is: the annotators' time, the errors let through, and the errors that annotators made.
- Labelling everything: one blind answer to each sample, with the annotators' own errors.
- Accepting everything: the model's label for each sample.

A sample's label is its present one: a better model looks again at what an older one accepted. Samples that
wait for annotators have no label yet and count in none of the three. The models are taken as they are: that
they would be worse without the labels is in no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.core.error_costs import Stakes
from goldloop.core.lanes import Lane
from goldloop.costs.errors import Prices, expected, price_of_error
from goldloop.costs.inputs import NO_LABEL, CostInputs, Labelled
from goldloop.costs.review_effort import Answering
from goldloop.costs.time import minutes_spent
from goldloop.stats.measures import MIN_N, Measure, difference, exact, product, scaled, total


@dataclass(frozen=True, slots=True)
class Statement:
    """What `rounds` cost and saved; amounts in `currency`, every estimate with its interval.

    `n_answers` counts answers and skips, `answers` the same by purpose. `n_scored` samples were scored for
    the first time; `n_accepted` of them are accepted now. `n_gold` samples got their label from annotators.
    Of the `n_looked` samples that the policy had sent to annotators, `n_corrected` differ from the model's
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
    purposes = Counter(str(answer.purpose) for answer in inputs.answers if answer.round in rounds)
    minutes = minutes_spent(inputs.answers, inputs.seconds, gave)
    spent = scaled(minutes, prices.minute)
    gold = inputs.labelled.where(np.isin(inputs.labelled.rounds, sorted(rounds)))
    looked = gold.where(gold.is_reviewed)
    corrected = looked.where(looked.machine != looked.label)

    traffic, audited = inputs.traffic, inputs.audited
    scored = np.isin(traffic.rounds, sorted(rounds))
    accepted = scored & (traffic.lanes == str(Lane.AUTO))
    unseen = traffic.where(accepted & ~inputs.is_labelled)
    n_unseen = len(unseen)
    audits = audited.where((audited.lanes == str(Lane.AUTO)) & np.isin(audited.rounds, sorted(rounds)))
    share = _wrong_share(audits) if n_unseen else exact(0.0)
    let_through = scaled(share, n_unseen)
    gold_cost = expected(prices.errors.of_taken(gold.label, gold.stakes), gold.posterior)
    error_cost = total([product(let_through, price_of_error(audits, unseen, prices)), gold_cost])
    at_stake = np.concatenate([unseen.stakes, gold.stakes])
    everything = scaled(answering.sample(prices, _mean(at_stake)), len(at_stake))
    return Statement(
        rounds=tuple(sorted(rounds)),
        currency=prices.currency,
        n_answers=int(gave.sum()),
        answers=dict(sorted(purposes.items())),
        minutes=minutes,
        spent=spent,
        n_scored=int(scored.sum()),
        n_accepted=int(accepted.sum()),
        n_gold=len(gold),
        n_looked=len(looked),
        n_corrected=len(corrected),
        caught=_caught(looked, corrected),
        let_through=let_through if accepted.any() else Measure(0, None, "nothing accepted"),
        error_cost=error_cost,
        saved_against_labelling=difference(everything, total([spent, error_cost])),
        saved_against_accepting=_against_accepting(gold, prices, spent),
    )


def _mean(stakes: Stakes) -> float:
    return float(stakes.mean()) if len(stakes) else 0.0


def _wrong_share(audits: Audited) -> Measure:
    """Return the share of wrong labels among accepted samples, from the `audits` of them.

    They are a random draw of the accepted samples, among which confidence, always high, tells little more.
    """
    if len(audits) < MIN_N:
        return Measure(len(audits), None, "too few audits")
    return Measure(len(audits), audits.wrong_share())


def _caught(looked: Labelled, corrected: Labelled) -> Measure:
    if not len(looked):
        return Measure(0, None, "nothing reviewed")
    if not len(corrected):
        return exact(0.0, len(looked))
    return expected(np.eye(corrected.posterior.shape[1])[corrected.label], corrected.posterior)


def _against_accepting(gold: Labelled, prices: Prices, spent: Measure) -> Measure:
    """Return how much more the model's labels would have cost than those of gold, minus the time spent."""
    scored = gold.where(gold.machine != NO_LABEL)
    if not len(scored):
        return Measure(0, None, "no model yet")
    machine, label = (prices.errors.of_taken(one, scored.stakes) for one in (scored.machine, scored.label))
    return difference(expected(machine - label, scored.posterior), spent)
