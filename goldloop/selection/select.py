"""Selection: spends the annotators' time of one round.

Every sample has permanent random numbers, derived from its id and the workspace's seed [ohlsson1995]. A
sample whose audit number is below its audit probability is *reserved*: annotators label it blind, it measures
the models, and nothing but chance chooses it. The audit probability is the audit rate or, in the Poisson
design, the value from the policy in force on arrival. Because chance fixes the reserve on arrival, whatever
models predict later, the audited samples remain a random draw of all traffic over all rounds.

The samples of an entity, such as an author, either judge or teach, which the permanent random number of the
entity decides; the reserve is drawn from those that judge, with a rate that is higher in return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from goldloop.core.candidates import Candidates
from goldloop.core.chance import AuditDraws, audit_draws
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.tasks import Purpose

Rank = Callable[[Candidates, int], Sequence[Candidate]]
"""Returns n of some candidates, or all where there are fewer, the first to label first."""

_PURPOSES = {Lane.REVIEW: Purpose.REVIEW, Lane.FULL: Purpose.FULL}
"""By lane; a sample of another lane becomes a seed, which shows no suggestion."""


@dataclass(frozen=True, slots=True)
class Spending:
    """How a number of answers is spent.

    Audits get `audit_share` of them. An audit sample and a full review cost `audit_answers` answers, any
    other sample `overlap`. A sample is reserved for the audit with the probability `audit_rate`, unless it
    has one of its own, by its permanent random number for `seed`. `n_most` limits the tasks of a purpose.
    """

    n_answers: int
    audit_rate: float
    audit_share: float
    seed: int
    audit_answers: int = 1
    overlap: int = 1
    n_most: Mapping[Purpose, int] = field(default_factory=dict)


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
    candidates = Candidates.of(pool)
    draws = draws_of(candidates, audit_rate=spending.audit_rate, seed=spending.seed)
    n_audits = max(1, round(spending.n_answers * spending.audit_share / spending.audit_answers))
    drawn = _reserve(draws)[: min(spending.n_answers // spending.audit_answers, n_audits)]
    chances = draws.inclusion_probabilities[drawn].tolist()
    audits = [
        Choice(one, Purpose.AUDIT, chance) for one, chance in zip(candidates.at(drawn), chances, strict=True)
    ]
    asked = ~draws.reserved & _are_asked_about(candidates, spending)
    n_left = spending.n_answers - spending.audit_answers * len(audits)
    ranked = _ranked(candidates, asked, draws.judging, n_left // spending.overlap, rank)
    return audits + _affordable(ranked, n_left, spending)


def draws_of(candidates: Candidates, *, audit_rate: float, seed: int) -> AuditDraws:
    """Return which candidates the audit reserves, and which belong to entities that judge."""
    return audit_draws(
        candidates.sample_ids,
        audit_rate=audit_rate,
        seed=seed,
        probabilities=candidates.audit_probabilities,
        entities=candidates.entities,
    )


def _reserve(draws: AuditDraws) -> npt.NDArray[np.int64]:
    """Return the rows of the audit reserve, the first to ask about first."""
    rows = np.flatnonzero(draws.reserved)
    return rows[np.argsort(draws.ratios[rows], kind="stable")]


def _are_asked_about(candidates: Candidates, spending: Spending) -> npt.NDArray[np.bool_]:
    """Return which candidates may be asked about beside the audit, (n,)."""
    is_asked = ~candidates.in_lanes(Lane.AUTO)
    is_asked &= ~(candidates.flags("is_audit_only") | candidates.flags("is_overdue"))
    for lane in Lane:
        if spending.n_most.get(_PURPOSES.get(lane, Purpose.SEED), 1) <= 0:
            is_asked &= ~candidates.in_lanes(lane)
    return is_asked


def _ranked(
    candidates: Candidates,
    is_asked: npt.NDArray[np.bool_],
    is_judging: npt.NDArray[np.bool_],
    n: int,
    rank: Rank,
) -> list[Candidate]:
    """Return n candidates of those asked about: those that a model may learn from first, then the others."""
    ranked = list(rank(candidates.where(is_asked & ~is_judging), n))
    judging = is_asked & is_judging
    if len(ranked) < n and judging.any():
        ranked += rank(candidates.where(judging), n - len(ranked))
    return ranked


def _affordable(ranked: Iterable[Candidate], n_answers: int, spending: Spending) -> list[Choice]:
    """Return as many of the `ranked` as `n_answers` pay for; a cheaper one may follow one too dear."""
    choices, left = [], dict(spending.n_most)
    for candidate in ranked:
        purpose = _PURPOSES.get(candidate.lane, Purpose.SEED)
        price = spending.audit_answers if purpose is Purpose.FULL else spending.overlap
        if price <= n_answers and left.get(purpose, 1) > 0:
            n_answers -= price
            left |= {purpose: left[purpose] - 1} if purpose in left else {}
            choices.append(Choice(candidate, purpose, None))
    return choices
