"""Accounts: what people's time cost in some rounds, and what it brought; unknown where nothing is known yet.

Three ways of working are compared on the samples that have a label: those that were accepted, and those that
people labelled. *As it was*: people's time, the errors let through, and those that people made. *Labelling
everything*: one blind answer to each, with people's own errors. *Accepting everything*: the machine's label
for each. What waits for people has no label yet and counts under none. The models are taken as they were:
that they would be worse without the labels is in no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.core.lanes import Lane
from goldloop.costs.answer_costs import Answering
from goldloop.costs.errors import audited_accepted, expected, price_of_error, wrong_share
from goldloop.costs.inputs import NO_LABEL, Books, Labelled
from goldloop.costs.prices import Prices
from goldloop.costs.time import minutes_spent
from goldloop.stats.measures import Measure, difference, exact, product, scaled, total
from goldloop.stats.metrics import Flags

NOTHING_ACCEPTED = "nothing accepted"
NOTHING_LOOKED_AT = "nothing looked at"
NO_MODEL = "no model yet"


@dataclass(frozen=True, slots=True)
class Account:
    """What `rounds` cost and brought; amounts in `currency`, every estimate with its interval.

    `n_answers` counts people's answers and skips, `answers` the same by purpose. `n_scored` samples met a
    model for the first time, which accepted `n_accepted`. `n_gold` samples got their label from people; of
    the `n_looked` that the policy had sent to them, `n_corrected` differ from the machine's label, and
    `caught` of these corrections are right, as far as gold is sure of itself. `let_through` is the number of
    wrong labels among what was accepted and nobody looked at, `error_cost` what these and the wrong labels in
    gold cost. Savings compare with the other two ways of working; below 0 they are losses.
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


def account(books: Books, prices: Prices, answering: Answering, rounds: Collection[int]) -> Account:
    """Return the account of `rounds`; each answer, decision and gold label belongs to one round.

    `answering` says what labelling a sample takes where everything is labelled.
    """
    gave = np.array([one.round in rounds for one in books.answers], dtype=bool)
    minutes = minutes_spent(books.answers, books.seconds, gave)
    spent = scaled(minutes, prices.minute)
    gold = books.labelled.where(np.isin(books.labelled.rounds, sorted(rounds)))
    looked = gold.where(gold.is_looked_at)
    corrected = looked.where(looked.machine != looked.label)

    scored = np.isin(books.traffic.rounds, sorted(rounds))
    accepted = scored & (books.traffic.lanes == str(Lane.AUTO))
    n_unseen = int((accepted & ~books.is_labelled).sum())
    audits = audited_accepted(books.audited, rounds)
    share = wrong_share(audits, books.traffic.where(accepted)) if n_unseen else exact(0.0)
    let_through = scaled(share, n_unseen)
    through_cost = product(let_through, price_of_error(audits, prices.errors))
    gold_cost = expected(prices.errors.T[gold.label], gold.posterior)
    error_cost = total([through_cost, gold_cost])
    everything = scaled(answering.sample(prices), n_unseen + len(gold))
    return Account(
        rounds=tuple(sorted(rounds)),
        currency=prices.currency,
        n_answers=int(gave.sum()),
        answers=_by_purpose(books, gave),
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


def _by_purpose(books: Books, rows: Flags) -> dict[str, int]:
    given = Counter(str(one.purpose) for one, is_in in zip(books.answers, rows, strict=True) if is_in)
    return dict(sorted(given.items()))


def _caught(looked: Labelled, corrected: Labelled) -> Measure:
    if not len(looked):
        return Measure(0, None, NOTHING_LOOKED_AT)
    if not len(corrected):
        return exact(0.0, len(looked))
    return expected(np.eye(corrected.posterior.shape[1])[corrected.label], corrected.posterior)


def _against_accepting(gold: Labelled, prices: Prices, spent: Measure) -> Measure:
    """Return what the machine's labels would have cost more than people's, minus people's time."""
    met = gold.where(gold.machine != NO_LABEL)
    if not len(met):
        return Measure(0, None, NO_MODEL)
    errors = prices.errors.T
    return difference(expected(errors[met.machine] - errors[met.label], met.posterior), spent)
