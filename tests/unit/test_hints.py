"""Hints steer a bounded share of the choice to samples like them, while their label is rare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from goldloop.core.candidates import Candidates
from goldloop.core.lanes import Lane
from goldloop.core.modality import Features
from goldloop.core.predictions import Candidate
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.selection.hints import HINTED_SHARE, RARE_BELOW, LabelHints, nearest_to_hints
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.select import Spending, select
from goldloop.selection.strategies import STRATEGIES

N, N_KINDS = 400, 8
IDS = [sample_id_of(f"{number}".encode()) for number in range(N)]
POOL = [Candidate(sample_id, BatchId("b"), Lane.HOLD) for sample_id in IDS]


def around(kinds: Iterable[int], seed: int = 0) -> np.ndarray:
    """Return features (n, N_KINDS) near the centre of each of `kinds`."""
    rng = np.random.default_rng(seed)
    return np.stack(
        [np.abs(np.eye(N_KINDS)[kind] * 4 + rng.normal(0, 0.1, N_KINDS)) for kind in kinds]
    ).astype(np.float16)


def kind_of(number: int) -> int:
    """Return the kind of a sample: the last two are rare, ten samples each."""
    return 6 if number % 40 == 0 else 7 if number % 40 == 1 else number % 6


FEATURES = dict(zip(IDS, around(map(kind_of, range(N))), strict=True))


def features_of(sample_ids: Iterable[SampleId]) -> Features:
    """Return the features of all samples."""
    return {one: FEATURES[one] for one in sample_ids if one in FEATURES}


def kinds(chosen: Iterable[Candidate]) -> list[int]:
    """Return the kind of each sample."""
    return [kind_of(IDS.index(one.sample_id)) for one in chosen]


def hints(label: str, kind: int, n: int = 3, *, n_gold: int = 0) -> LabelHints:
    """Return hints of a label, whose samples are of `kind`."""
    return LabelHints(label, around([kind] * n, seed=kind + 1), n_gold)


def nearest(n: int, *given: LabelHints, pool: list[Candidate] | None = None) -> list[Candidate]:
    """Return what hints choose of n samples."""
    return nearest_to_hints(Candidates.of(POOL if pool is None else pool), n, given, features_of=features_of)


def test_a_fifth_of_the_choice_is_what_looks_like_the_hints() -> None:
    """Eight of forty, all of the rare kind, each once, and each knows its label."""
    chosen = nearest(40, hints("hat", 6))

    assert len({one.sample_id for one in chosen}) == len(chosen) == 8
    assert set(kinds(chosen)) == {6}
    assert {one.hint for one in chosen} == {"hat"}
    assert nearest(4, hints("hat", 6)) == []


def test_labels_share_what_hints_choose() -> None:
    """Evenly, and the odd one goes to the label with the least gold; a common label gets none."""
    chosen = nearest(25, hints("hat", 6, n_gold=4), hints("wig", 7), hints("shoe", 2, n_gold=RARE_BELOW))

    assert [one.hint for one in chosen] == ["wig", "hat", "wig", "hat", "wig"]
    assert kinds(chosen) == [7, 6, 7, 6, 7]


def test_hints_of_one_label_take_turns() -> None:
    """A label that looks in two ways gets samples of both."""
    both = LabelHints("hat", around([6, 7]), 0)

    assert sorted(kinds(nearest(20, both))) == [6, 6, 7, 7]


def test_two_labels_with_the_same_hints_choose_no_sample_twice() -> None:
    """The second gets the next nearest, and of a small pool there is no more than there is."""
    chosen = nearest(100, hints("hat", 6), hints("cap", 6), pool=POOL[:15])

    assert len({one.sample_id for one in chosen}) == len(chosen) == 15


def test_samples_without_features_are_passed_over() -> None:
    """As those that arrived under another preset; without any, hints choose none."""
    unknown = [Candidate(sample_id_of(b"new"), BatchId("b"), Lane.HOLD)]

    assert set(kinds(nearest(40, hints("hat", 6), pool=[*unknown, *POOL]))) == {6}
    assert nearest(40, hints("hat", 6), pool=unknown) == []
    assert nearest(40, LabelHints("hat", np.empty((0, N_KINDS), dtype=np.float16), 0)) == []


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_hints_come_first_under_every_strategy(strategy: str) -> None:
    """The rest is the strategy's, without repetition; the pool may come in any order."""
    known = Known(features_of, lambda ids: np.full((len(ids), 2), 0.5), hints=[hints("hat", 6)])
    chosen = next_samples(POOL, 30, strategy=strategy, known=known, seed=3)

    assert len({one.sample_id for one in chosen}) == len(chosen) == 30
    assert [one.hint for one in chosen] == ["hat"] * 6 + [None] * 24
    assert next_samples(POOL[::-1], 30, strategy=strategy, known=known, seed=3) == chosen


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_hints_of_common_labels_change_nothing(strategy: str) -> None:
    """With enough gold, the choice is that without hints."""
    without = Known(features_of, lambda ids: np.full((len(ids), 2), 0.5))
    enough = replace(without, hints=[hints("hat", 6, n_gold=RARE_BELOW)])
    one, other = (
        next_samples(POOL, 30, strategy=strategy, known=known, seed=3) for known in (without, enough)
    )

    assert one == other


def test_hints_reach_neither_the_audit_reserve_nor_what_is_accepted() -> None:
    """Where all of the rare kind is accepted, hints take the next nearest; the audits stay as they were."""
    spending = Spending(60, audit_rate=0.3, audit_share=0.3, seed=1)
    known = Known(features_of, lambda ids: np.full((len(ids), 2), 0.5), hints=[hints("hat", 6)])

    def rank(candidates: list[Candidate], n: int) -> list[Candidate]:
        return next_samples(candidates, n, strategy="random", known=known, seed=1)

    accepted = {one.sample_id for one, kind in zip(POOL, kinds(POOL), strict=True) if kind == 6}
    pool = [replace(one, lane=Lane.AUTO) if one.sample_id in accepted else one for one in POOL]
    chosen = select(pool, spending, rank=rank)
    hinted = [choice for choice in chosen if choice.candidate.hint]
    n_others = sum(choice.purpose is not Purpose.AUDIT for choice in chosen)

    assert hinted
    assert len(hinted) <= HINTED_SHARE * n_others
    assert all(choice.purpose is not Purpose.AUDIT for choice in hinted)
    assert not accepted & {
        choice.candidate.sample_id for choice in chosen if choice.purpose is not Purpose.AUDIT
    }
    without = select(pool, spending, rank=lambda candidates, n: candidates[:n])
    assert _audits(chosen) == _audits(without)


def _audits(choices: Iterable[object]) -> list[object]:
    return [one for one in choices if one.purpose is Purpose.AUDIT]  # type: ignore[attr-defined]
