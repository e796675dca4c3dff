"""The next samples: unsure ones that differ, typical ones before a model, else a random draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from goldloop.core.chance import permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.probs import margin
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.selection import next_samples as next_samples_module
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.strategies import STRATEGIES

N = 400
IDS = [sample_id_of(f"{number}".encode()) for number in range(N)]


def probs_by_id(n_doubtful: int = 60) -> dict[SampleId, np.ndarray]:
    """Return probs of four labels: the first samples are doubtful between one pair, the next of another."""
    rng, found = np.random.default_rng(0), {}
    for number, sample_id in enumerate(IDS):
        row = np.full(4, 0.01)
        pair = 0 if number < n_doubtful else 2 if number < 2 * n_doubtful else int(rng.integers(4))
        share = rng.uniform(0.45, 0.55) if number < 2 * n_doubtful else 0.97
        row[[pair, (pair + 1) % 4]] = share, 0.98 - share
        found[sample_id] = row / row.sum()
    return found


PROBS = probs_by_id()


def pool_of(probs: dict[SampleId, np.ndarray] | None) -> list[Candidate]:
    """Return the candidates, scored where `probs` are given."""
    if probs is None:
        return [Candidate(one, BatchId("b"), Lane.HOLD) for one in IDS]
    return [Candidate(one, BatchId("b"), Lane.HOLD, float(margin(probs[one][None])[0]), "a") for one in IDS]


def known(features: dict[SampleId, np.ndarray] | None = None, asked: Sequence[SampleId] = ()) -> Known:
    """Return what is known: PROBS, and `features` of some."""
    has = features or {}
    return Known(
        lambda ids: {one: has[one] for one in ids if one in has},
        lambda ids: np.stack([PROBS[one] for one in ids]),
        asked,
    )


def some_features() -> dict[SampleId, np.ndarray]:
    """Return features, (8,) by sample, around four centres."""
    rng = np.random.default_rng(1)
    return {
        sample_id: np.abs(np.eye(8)[number % 4] * 5 + rng.normal(0, 0.1, 8)).astype(np.float16)
        for number, sample_id in enumerate(IDS)
    }


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize("with_features", [False, True])
@pytest.mark.parametrize("probs", [None, PROBS])
def test_every_strategy_gives_as_many_as_asked_each_once(
    strategy: str, with_features: bool, probs: dict[SampleId, np.ndarray] | None
) -> None:
    """In the same order for the pool in any order, and all of a pool that is too small."""
    pool = pool_of(probs)
    facts = known(some_features() if with_features else None, asked=IDS[:3])
    chosen = next_samples(pool, 30, strategy=strategy, known=facts, seed=5)

    assert len({one.sample_id for one in chosen}) == len(chosen) == 30
    assert next_samples(pool[::-1], 30, strategy=strategy, known=facts, seed=5) == chosen
    assert len(next_samples(pool[:12], 30, strategy=strategy, known=facts, seed=5)) == 12
    assert next_samples(pool, 0, strategy=strategy, known=facts, seed=5) == []
    assert next_samples([], 5, strategy=strategy, known=facts, seed=5) == []


def test_unsure_samples_are_chosen_from_all_confusions() -> None:
    """Without features the probabilities tell that two pairs of labels are confused: both are asked about."""
    chosen = next_samples(pool_of(PROBS), 20, strategy="margin_kmeans", known=known(), seed=0)
    numbers = [IDS.index(one.sample_id) for one in chosen]

    assert sum(number < 120 for number in numbers) >= 15
    assert sum(number < 60 for number in numbers) >= 3
    assert sum(60 <= number < 120 for number in numbers) >= 3


def test_least_margins_come_first() -> None:
    """The strategy margin takes the smallest, and what no model has scored comes last."""
    pool = [*pool_of(PROBS)[:50], Candidate(sample_id_of(b"new"), BatchId("b"), Lane.HOLD)]
    chosen = next_samples(pool, 51, strategy="margin", known=known(), seed=0)
    margins = [one.margin for one in chosen]

    assert margins[-1] is None
    assert margins[:-1] == sorted(margins[:-1])  # type: ignore[type-var]


def rare_probs() -> dict[SampleId, np.ndarray]:
    """Return probs of two common labels, and of a rare one near which the last 20 samples lie."""
    common = [np.array([0.52, 0.47, 0.01]) if n % 2 else np.array([0.47, 0.52, 0.01]) for n in range(N - 20)]
    rare = [np.array([0.66, 0.02, 0.32])] * 20
    return dict(zip(IDS, [*common, *rare], strict=True))


@pytest.mark.parametrize(("strategy", "n_near"), [("margin_kmeans", 0), ("adjusted_margin_kmeans", 2)])
def test_adjusted_margins_see_more_than_the_least_stored_margins(strategy: str, n_near: int) -> None:
    """A sample near a rare label is found though the stored margins of 380 others are smaller."""
    probs = rare_probs()
    facts = Known(lambda _: {}, lambda ids: np.stack([probs[one] for one in ids]))
    chosen = next_samples(pool_of(probs), 2, strategy=strategy, known=facts, seed=0)

    assert sum(IDS.index(one.sample_id) >= N - 20 for one in chosen) == n_near


def test_adjusted_margins_read_the_probs_of_a_bounded_random_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 candidates 60 are read, by permanent random numbers; a choice of 3 reads 90 at 30 a choice."""
    monkeypatch.setattr(next_samples_module, "LEAST_ADJUSTED_ROWS", 60)
    monkeypatch.setattr(next_samples_module, "ADJUSTED_ROWS_PER_CHOICE", 30)
    read: list[list[SampleId]] = []

    def probs_of(ids: Sequence[SampleId]) -> np.ndarray:
        read.append(list(ids))
        return np.stack([PROBS[one] for one in ids])

    for n in (1, 3):
        facts = Known(lambda _: {}, probs_of)
        next_samples(pool_of(PROBS), n, strategy="adjusted_margin_kmeans", known=facts, seed=0)
    drawn = sorted(IDS, key=lambda one: permanent_random(one, 0, "seed"))

    assert read == [drawn[:60], drawn[:90]]


def test_before_a_model_and_without_features_chance_decides() -> None:
    """By permanent random numbers, which depend on the seed."""
    chosen = next_samples(pool_of(None), 10, strategy="margin_kmeans", known=known(), seed=4)
    numbers = [permanent_random(one.sample_id, 4, "seed") for one in chosen]

    assert numbers == sorted(permanent_random(one, 4, "seed") for one in IDS)[:10]


def test_before_a_model_the_first_samples_are_typical() -> None:
    """With features every one of four kinds is among the first four."""
    features = some_features()
    chosen = next_samples(pool_of(None), 4, strategy="margin_kmeans", known=known(features), seed=4)

    assert {int(features[one.sample_id].argmax()) for one in chosen} == {0, 1, 2, 3}
