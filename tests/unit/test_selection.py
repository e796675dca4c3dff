"""Selection spends the budget: the audit first, by chance; then what the strategy ranks first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.chance import is_reserved, permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.samples import BatchId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.selection.select import Spending, select
from tests.strategies import candidates


def by_margin(pool: Sequence[Candidate], n: int) -> list[Candidate]:
    """Rank the smallest margin first, then by id."""
    return sorted(pool, key=lambda one: (1.0 if one.margin is None else one.margin, one.sample_id))[:n]


def chosen(pool: list[Candidate], n_tasks: int = 20, **changes: object) -> list[Choice]:
    """Return what `select` picks with plain settings."""
    settings: dict[str, object] = {"audit_rate": 0.3, "audit_share": 0.5, "seed": 7}
    return select(pool, Spending(n_tasks, **(settings | changes)), rank=by_margin)  # type: ignore[arg-type]


@given(candidates(), st.integers(1, 30), st.integers(0, 3))
def test_the_budget_is_kept_and_no_sample_is_chosen_twice(
    pool: list[Candidate], n_tasks: int, seed: int
) -> None:
    """At most `n_tasks` answers go to distinct samples; reviews are in their lanes and not reserved."""
    choices = chosen(pool, n_tasks, seed=seed, audit_answers=2)
    ids = [choice.candidate.sample_id for choice in choices]

    price = {Purpose.AUDIT: 2, Purpose.FULL: 2, Purpose.REVIEW: 1, Purpose.SEED: 1}
    assert len(ids) == len(set(ids))
    assert sum(price[choice.purpose] for choice in choices) <= n_tasks
    for choice in choices:
        reserved = is_reserved(choice.candidate.sample_id, audit_rate=0.3, seed=seed)
        assert reserved == (choice.purpose is Purpose.AUDIT)
        lanes = {Purpose.REVIEW: Lane.REVIEW, Purpose.FULL: Lane.FULL, Purpose.SEED: Lane.HOLD}
        assert choice.candidate.lane is lanes.get(choice.purpose, choice.candidate.lane)


@given(candidates(), st.randoms(use_true_random=False))
def test_choice_does_not_depend_on_the_order_of_the_backlog(
    pool: list[Candidate], random: np.random.Generator
) -> None:
    """The same samples in another order give the same choices."""
    shuffled = list(pool)
    random.shuffle(shuffled)
    assert chosen(shuffled) == chosen(pool)


@given(candidates(min_size=1))
def test_the_audit_ignores_what_the_model_thinks(pool: list[Candidate]) -> None:
    """Rescoring the whole pool does not change the audit sample."""
    rescored = [Candidate(candidate.sample_id, candidate.batch, Lane.AUTO, 0.99, "c") for candidate in pool]

    def drawn(choices: list[Choice]) -> list[str]:
        return [choice.candidate.sample_id for choice in choices if choice.purpose is Purpose.AUDIT]

    assert drawn(chosen(pool)) == drawn(chosen(rescored))


def test_the_reserve_is_a_share_of_all_traffic() -> None:
    """Over 20,000 samples the reserved share is within four standard errors of the audit rate."""
    n, rate = 20_000, 0.1
    share = np.mean([is_reserved(sample_id_of(f"{i}".encode()), audit_rate=rate, seed=1) for i in range(n)])
    assert abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / n)


def test_permanent_random_numbers_are_uniform_and_streams_independent() -> None:
    """The numbers fill [0, 1) evenly, and two streams of one sample are uncorrelated."""
    ids = [sample_id_of(f"{i}".encode()) for i in range(5_000)]
    numbers = np.array([permanent_random(i, 0, "audit") for i in ids])
    other = np.array([permanent_random(i, 0, "split") for i in ids])
    assert np.all((numbers >= 0) & (numbers < 1))
    assert abs(numbers.mean() - 0.5) < 4 / np.sqrt(12 * len(ids))
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 4 / np.sqrt(len(ids))


def test_inclusion_probability_is_that_of_the_reserve() -> None:
    """However far the budget reaches, an audit sample keeps the probability with which it was reserved."""
    pool = [Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), Lane.AUTO, 0.9, "a") for i in range(200)]
    reserve = sum(is_reserved(candidate.sample_id, audit_rate=0.3, seed=7) for candidate in pool)

    partly = [choice for choice in chosen(pool, 20) if choice.purpose is Purpose.AUDIT]
    wholly = [choice for choice in chosen(pool, 400) if choice.purpose is Purpose.AUDIT]

    assert [choice.inclusion_probability for choice in partly] == [0.3] * 10
    assert [choice.inclusion_probability for choice in wholly] == [0.3] * reserve
    assert {choice.stratum for choice in wholly} == {"b/auto"}


def test_what_is_held_is_ranked_with_what_is_in_the_band() -> None:
    """The policy decides who looks: a held sample becomes a seed; an accepted one is never asked about."""
    lanes = [Lane.REVIEW, Lane.HOLD, Lane.AUTO, Lane.FULL] * 10
    pool = [
        Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), lane, i / 100, "a")
        for i, lane in enumerate(lanes)
    ]
    ranked: list[Candidate] = []

    def rank(candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        ranked.extend(candidates)
        return by_margin(candidates, n)

    choices = select(pool, Spending(7, audit_rate=0.0, audit_share=0.5, seed=7), rank=rank)

    assert len(ranked) == 30
    assert [(str(choice.purpose), choice.candidate.margin) for choice in choices] == [
        ("review", 0.0),
        ("seed", 0.01),
        ("full", 0.03),
        ("review", 0.04),
        ("seed", 0.05),
        ("full", 0.07),
        ("review", 0.08),
    ]
    assert {choice.inclusion_probability for choice in choices} == {None}


def test_what_the_model_says_of_the_reserve_reaches_no_strategy() -> None:
    """A strategy sees no reserved sample, however unsure the model is of it."""
    pool = [Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), Lane.HOLD, 0.0, "a") for i in range(200)]
    seen: list[Candidate] = []

    def rank(candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        seen.extend(candidates)
        return list(candidates)

    select(pool, Spending(40, audit_rate=0.3, audit_share=0.5, seed=3), rank=rank)

    assert 100 < len(seen) < 180
    assert not [one for one in seen if is_reserved(one.sample_id, audit_rate=0.3, seed=3)]


def test_full_and_quick_reviews_share_one_order_of_value() -> None:
    """The smallest margins come first whatever their lane, and a full review is paid as an audit is."""
    lanes = [Lane.REVIEW, Lane.FULL, Lane.REVIEW, Lane.FULL, Lane.REVIEW]
    pool = [
        Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), lane, i / 10, "a")
        for i, lane in enumerate(lanes)
    ]
    choices = chosen(pool, 5, audit_rate=0.0, audit_answers=3)

    assert [(choice.purpose, choice.candidate.margin) for choice in choices] == [
        (Purpose.REVIEW, 0.0),
        (Purpose.FULL, 0.1),
        (Purpose.REVIEW, 0.2),
    ]


def test_the_audit_draws_each_sample_with_its_own_probability() -> None:
    """Likely ones are reserved as often as they should be, and keep their probability once all are drawn."""
    n = 4000
    pool = [
        Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), Lane.AUTO, 0.9, "a", 0.05 if i % 2 else 0.4)
        for i in range(n)
    ]
    audits = [choice for choice in chosen(pool, 10 * n, audit_rate=0.1) if choice.purpose is Purpose.AUDIT]

    for probability in (0.05, 0.4):
        n_drawn = sum(choice.inclusion_probability == probability for choice in audits)
        expected = n / 2 * probability
        assert abs(n_drawn - expected) < 4 * np.sqrt(expected)


def test_a_part_of_the_reserve_is_drawn_in_proportion() -> None:
    """While the budget does not reach, likely samples stay as many times likelier as they were."""
    n = 4000
    pool = [
        Candidate(sample_id_of(f"{i}".encode()), BatchId("b"), Lane.AUTO, 0.9, "a", 0.04 if i % 2 else 0.4)
        for i in range(n)
    ]
    audits = [
        choice
        for choice in chosen(pool, 440, audit_rate=0.22, audit_share=1.0)
        if choice.purpose is Purpose.AUDIT
    ]
    likely = sum(choice.candidate.audit_probability == 0.4 for choice in audits)

    assert len(audits) == 440
    assert abs(likely - 400) < 4 * np.sqrt(400 * 40 / 440)
    assert {choice.inclusion_probability for choice in audits} == {0.4, 0.04}
