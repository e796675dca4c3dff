"""Selection: spends the annotators' time of one round.

Every sample has permanent random numbers, derived from its id and the workspace's seed [ohlsson1995]. A
sample whose audit number is below its audit probability is *reserved*: annotators label it blind, it measures
the models, and it is never reviewed or trained on. The audit probability is the audit rate or, in the Poisson
design, the value from the policy in force on arrival. Because chance fixes the reserve on arrival, whatever
models predict later, the audited samples remain a random draw of all traffic over all rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from goldloop.core.chance import permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.tasks import Purpose


def in_order_of_value(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return review candidates, smallest margin first, alternating between the predicted labels.

    Alternation keeps one confusable pair from using the whole budget; ties are in order of sample_id.
    """
    by_label: dict[str, list[Candidate]] = {}
    ranked = sorted(
        candidates,
        key=lambda candidate: (1.0 if candidate.margin is None else candidate.margin, candidate.sample_id),
    )
    for candidate in ranked:
        by_label.setdefault(candidate.label or "", []).append(candidate)
    queues = [by_label[label] for label in sorted(by_label)]
    return [candidate for turn in zip_longest(*queues) for candidate in turn if candidate is not None]


def select(
    pool: Sequence[Candidate],
    *,
    n_answers: int,
    audit_rate: float,
    audit_share: float,
    seed: int,
    audit_answers: int = 1,
    overlap: int = 1,
    below_share: float = 0.0,
    n_arrived: int,
    has_model: bool,
) -> list[Choice]:
    """Return the next samples to label, worth at most `n_answers` answers: audits, then reviews, then a seed.

    An audit sample and a full review cost `audit_answers` answers, any other sample `overlap`. Audits get
    `audit_share` of the answers. While the budget does not cover the reserve, the audited samples are those
    with the smallest random number relative to their audit probability (sequential Poisson sampling
    [ohlsson1998]); their inclusion probability is that audit probability.

    Before the first model, the rest is a seed: a uniform draw from the samples that are not reserved, whose
    inclusion probability is its share of the `n_arrived` samples. With a model, the seed comes from the held
    samples: it gets `below_share` of the answers left after the audits, and the answers that quick and full
    reviews leave. Otherwise a weak model that holds nearly every sample would get too few to learn from.

    Before the first model, three answers pay for one audit sample and a seed of two:

    >>> from goldloop.core.samples import BatchId, SampleId
    >>> pool = [Candidate(SampleId(name), BatchId("monday"), Lane.HOLD, None, None) for name in "abcdefgh"]
    >>> chosen = select(
    ...     pool, n_answers=3, audit_rate=0.2, audit_share=0.4, seed=1, n_arrived=8, has_model=False
    ... )
    >>> [(choice.candidate.sample_id, str(choice.purpose), choice.inclusion_probability) for choice in chosen]
    [('e', 'audit', 0.2), ('d', 'seed', 0.25), ('c', 'seed', 0.25)]
    """
    draws = [(candidate, _audit_ratio(candidate, audit_rate=audit_rate, seed=seed)) for candidate in pool]
    reserve = [candidate for candidate, ratio in sorted(draws, key=lambda draw: draw[1]) if ratio < 1]
    n_audits = max(1, round(n_answers * audit_share / audit_answers))
    drawn = reserve[: min(n_answers // audit_answers, n_audits)]
    choices = [
        Choice(candidate, Purpose.AUDIT, _audit_probability(candidate, audit_rate)) for candidate in drawn
    ]

    n_left = n_answers - audit_answers * len(choices)
    unreserved = [candidate for candidate, ratio in draws if ratio >= 1]
    seedable = sorted(
        (candidate for candidate in unreserved if candidate.lane is Lane.HOLD or not has_model),
        key=lambda candidate: permanent_random(candidate.sample_id, seed, "seed"),
    )
    if not has_model:
        seeds = seedable[: n_left // overlap]
        probability = len(seeds) / max(n_arrived, 1)
        return choices + [Choice(candidate, Purpose.SEED, probability) for candidate in seeds]
    n_seeds = min(int(below_share * n_left) // overlap, len(seedable))
    reviews = _reviews(
        unreserved, n_answers=n_left - overlap * n_seeds, full_answers=audit_answers, overlap=overlap
    )
    n_left -= sum(audit_answers if review.purpose is Purpose.FULL else overlap for review in reviews)
    seeds = seedable[: n_left // overlap]
    return [*choices, *reviews, *(Choice(candidate, Purpose.SEED, None) for candidate in seeds)]


def with_picked_seeds(
    choices: Sequence[Choice],
    pool: Sequence[Candidate],
    *,
    audit_rate: float,
    seed: int,
    pick: Callable[[Sequence[Candidate], int], Sequence[Candidate] | None],
) -> list[Choice]:
    """Return `choices` with as many seeds, which `pick` takes from the samples that are not reserved.

    Such seeds are no random draw, so they have no inclusion probability. Where `pick` returns None, all
    remains as it is.
    """
    unreserved = [one for one in pool if _audit_ratio(one, audit_rate=audit_rate, seed=seed) >= 1]
    others = [choice for choice in choices if choice.purpose is not Purpose.SEED]
    picked = pick(unreserved, len(choices) - len(others))
    if picked is None:
        return list(choices)
    return [*others, *(Choice(candidate, Purpose.SEED, None) for candidate in picked)]


def _audit_probability(candidate: Candidate, audit_rate: float) -> float:
    return audit_rate if candidate.audit_probability is None else candidate.audit_probability


def _audit_ratio(candidate: Candidate, *, audit_rate: float, seed: int) -> float:
    """Return the permanent random number over the audit probability; below 1 the sample is reserved."""
    probability = _audit_probability(candidate, audit_rate)
    number = permanent_random(candidate.sample_id, seed, "audit")
    return number / probability if probability > 0 else 1.0 + number


def _reviews(
    candidates: Iterable[Candidate], *, n_answers: int, full_answers: int, overlap: int
) -> list[Choice]:
    """Return the quick and full reviews that `n_answers` pay for, in order of value."""
    lanes = (Lane.REVIEW, Lane.FULL)
    reviews: list[Choice] = []
    for candidate in in_order_of_value(candidate for candidate in candidates if candidate.lane in lanes):
        is_full = candidate.lane is Lane.FULL
        price = full_answers if is_full else overlap
        if price <= n_answers:
            n_answers -= price
            reviews.append(Choice(candidate, Purpose.FULL if is_full else Purpose.REVIEW, None))
    return reviews
