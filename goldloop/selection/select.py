"""Selection: spends the annotators' time of one round.

Every sample has permanent random numbers, derived from its id and the workspace's seed [ohlsson1995]. A
sample whose audit number is below its audit probability is *reserved*: annotators label it blind, it measures
the models, and nothing but chance chooses it. The audit probability is the audit rate or, in the Poisson
design, the value from the policy in force on arrival. Because chance fixes the reserve on arrival, whatever
models predict later, the audited samples remain a random draw of all traffic over all rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from goldloop.core.chance import permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.tasks import Purpose

Rank = Callable[[Sequence[Candidate], int], Sequence[Candidate]]
"""Returns n of some candidates, or all where there are fewer, the first to label first."""

_PURPOSES = {Lane.REVIEW: Purpose.REVIEW, Lane.FULL: Purpose.FULL}
"""By lane; a sample of another lane becomes a seed, which shows no suggestion."""


@dataclass(frozen=True, slots=True)
class Spending:
    """How a number of answers is spent.

    Audits get `audit_share` of them. An audit sample and a full review cost `audit_answers` answers, any
    other sample `overlap`. A sample is reserved for the audit with the probability `audit_rate`, unless it
    has one of its own, by its permanent random number for `seed`.
    """

    n_answers: int
    audit_rate: float
    audit_share: float
    seed: int
    audit_answers: int = 1
    overlap: int = 1


def select(pool: Sequence[Candidate], spending: Spending, *, rank: Rank) -> list[Choice]:
    """Return the next samples to label: audits by chance, then what `rank` puts first of all others.

    While the answers do not cover the reserve, the audited samples are those with the smallest random number
    relative to their audit probability (sequential Poisson sampling [ohlsson1998]); their inclusion
    probability is that audit probability. `rank` gets the samples that are neither reserved nor accepted by
    the model, those below the band included: the policy decides who looks at a sample, not what a model
    learns from. A band of a young model chose worse than chance (docs/decisions/0030-next-samples.md).

    Three answers pay for one audit sample and two seeds:

    >>> from goldloop.core.samples import BatchId, SampleId
    >>> pool = [Candidate(SampleId(name), BatchId("monday"), Lane.HOLD, None, None) for name in "abcdefgh"]
    >>> spending = Spending(3, audit_rate=0.2, audit_share=0.4, seed=1)
    >>> chosen = select(pool, spending, rank=lambda candidates, n: candidates[:n])
    >>> [(choice.candidate.sample_id, str(choice.purpose), choice.inclusion_probability) for choice in chosen]
    [('e', 'audit', 0.2), ('a', 'seed', None), ('c', 'seed', None)]
    """
    draws = [(candidate, _audit_ratio(candidate, spending)) for candidate in pool]
    reserve = [candidate for candidate, ratio in sorted(draws, key=lambda draw: draw[1]) if ratio < 1]
    n_audits = max(1, round(spending.n_answers * spending.audit_share / spending.audit_answers))
    drawn = reserve[: min(spending.n_answers // spending.audit_answers, n_audits)]
    audits = [Choice(one, Purpose.AUDIT, _audit_probability(one, spending)) for one in drawn]
    others = [one for one, ratio in draws if ratio >= 1 and _is_learnt_from(one)]
    n_left = spending.n_answers - spending.audit_answers * len(audits)
    return audits + _affordable(rank(others, n_left // spending.overlap), n_left, spending)


def _is_learnt_from(candidate: Candidate) -> bool:
    return candidate.lane is not Lane.AUTO and not candidate.is_appealed


def _affordable(ranked: Iterable[Candidate], n_answers: int, spending: Spending) -> list[Choice]:
    """Return as many of the `ranked` as `n_answers` pay for; a cheaper one may follow one too dear."""
    choices = []
    for candidate in ranked:
        purpose = _PURPOSES.get(candidate.lane, Purpose.SEED)
        price = spending.audit_answers if purpose is Purpose.FULL else spending.overlap
        if price <= n_answers:
            n_answers -= price
            choices.append(Choice(candidate, purpose, None))
    return choices


def _audit_probability(candidate: Candidate, spending: Spending) -> float:
    return spending.audit_rate if candidate.audit_probability is None else candidate.audit_probability


def _audit_ratio(candidate: Candidate, spending: Spending) -> float:
    """Return the permanent random number over the audit probability; below 1 the sample is reserved."""
    probability = _audit_probability(candidate, spending)
    number = permanent_random(candidate.sample_id, spending.seed, "audit")
    return number / probability if probability > 0 else 1.0 + number
