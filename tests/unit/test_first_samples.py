"""The first samples: those that stand for the others, drawn by chance only where nothing is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pytest

from goldloop.core.modality import Features
from goldloop.core.samples import SampleId
from goldloop.selection import first_samples as module
from goldloop.selection.first_samples import first_samples

CENTRES = np.eye(6, 40, dtype=np.float32) * 4


def samples(n: int, *, start: int = 0) -> dict[SampleId, np.ndarray]:
    """Return n samples with features around six centres, the last of which is rare: one in a hundred."""
    rng, found = np.random.default_rng(start), {}
    for number in range(start, start + n):
        kind = 5 if number % 100 == 7 else number % 5
        sample_id = SampleId(hashlib.sha256(str(number).encode()).hexdigest())
        found[sample_id] = np.abs(CENTRES[kind] + rng.normal(0, 0.05, 40)).astype(np.float16)
    return found


def kinds_of(chosen: Iterable[SampleId], features: Features) -> list[int]:
    """Return the nearest centre of each sample."""
    return [int(np.argmax(features[sample_id][:6])) for sample_id in chosen]


def known(features: Features):
    """Return what looks features up."""
    return lambda ids: {sample_id: features[sample_id] for sample_id in ids if sample_id in features}


def test_every_kind_is_among_the_first_samples() -> None:
    """Also the one that a random draw of eight would miss nine times in ten."""
    features = samples(600)
    chosen = first_samples(list(features), [], 8, features_of=known(features), seed=0)

    assert chosen is not None
    assert len(set(chosen)) == 8
    assert set(kinds_of(chosen, features)) == {0, 1, 2, 3, 4, 5}


def test_kinds_that_were_asked_about_come_last() -> None:
    """Three samples, with three kinds of six known: those of the other kinds."""
    features = samples(600)
    by_kind = {kind: sample_id for sample_id in features for kind in kinds_of([sample_id], features)}
    asked = [by_kind[kind] for kind in (0, 1, 2)]
    candidates = [sample_id for sample_id in features if sample_id not in asked]
    chosen = first_samples(candidates, asked, 3, features_of=known(features), seed=0)

    assert chosen is not None
    assert {3, 4} <= set(kinds_of(chosen, features)) <= {3, 4, 5}


def test_the_same_seed_makes_the_same_choice() -> None:
    """In whatever order the candidates come."""
    features = samples(300)
    first, again, other = (
        first_samples(order, [], 9, features_of=known(features), seed=seed)
        for order, seed in ((list(features), 0), (list(features)[::-1], 0), (list(features), 1))
    )

    assert first == again
    assert first != other


def test_samples_without_features_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of a pool that is too large for all, a draw is looked at."""
    everything = samples(100)
    some = dict(list(everything.items())[:4])
    chosen = first_samples(list(everything), [], 10, features_of=known(some), seed=0)
    looked_at: list[SampleId] = []

    def counted(ids: Iterable[SampleId]) -> Features:
        looked_at.extend(ids)
        return known(everything)(looked_at)

    monkeypatch.setattr(module, "MOST_ROWS", 30)
    first_samples(list(everything), [], 10, features_of=counted, seed=0)

    assert chosen is not None
    assert set(chosen[:4]) == set(some)
    assert len(set(chosen)) == 10
    assert len(looked_at) == 30


@pytest.mark.parametrize("n_known", [0, 1])
def test_without_features_nothing_is_chosen(n_known: int) -> None:
    """One sample cannot be compared with another."""
    everything = samples(20)
    some = dict(list(everything.items())[:n_known])

    assert first_samples(list(everything), [], 5, features_of=known(some), seed=0) is None


def test_samples_that_look_the_same_are_chosen_too() -> None:
    """Fifty times the same features: as many as asked for, each once."""
    same = dict.fromkeys(samples(50), np.ones(40, dtype=np.float16))
    chosen = first_samples(list(same), [], 5, features_of=known(same), seed=0)

    assert chosen is not None
    assert len(set(chosen)) == 5
