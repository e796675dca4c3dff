"""Entities: the samples of one author or thread never train and judge at once, and the audit stays fair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.chance import audit_draw, is_judging
from goldloop.core.lanes import Lane
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Candidate
from goldloop.core.samples import ArrivedSample, BatchId, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.leaks import check_no_leak
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.selection.plan import plan_tasks
from goldloop.selection.select import Spending, select
from goldloop.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BATCH = BatchId("monday")
SETTINGS = Settings(
    name="posts", kind="text", labels=("fine", "spam"), selection={"audit_rate": 0.2, "seed": 3}
)


def sample(number: int) -> SampleId:
    """Return an id."""
    return sample_id_of(f"sample {number}".encode())


def in_their_order(pool: Sequence[Candidate], n: int) -> Sequence[Candidate]:
    """Rank by place."""
    return pool[:n]


def draw_of(number: int, entity: str | None, rate: float = 0.2, probability: float | None = None) -> bool:
    """Return whether a sample is reserved."""
    return audit_draw(
        sample(number), audit_rate=rate, seed=3, probability=probability, entity=entity
    ).is_reserved


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.7])
def test_a_sample_of_an_author_is_audited_as_often_as_any_other(rate: float) -> None:
    """Over many authors the audit takes the share that it says, and only from judging authors."""
    n, authors = 40_000, 20_000
    reserved = [draw_of(number, f"author:{number % authors}", rate) for number in range(n)]
    judging = [is_judging(f"author:{number % authors}", audit_rate=rate, seed=3) for number in range(n)]

    assert np.mean(reserved) == pytest.approx(rate, abs=4 * (rate / n) ** 0.5)
    assert all(side for side, is_drawn in zip(judging, reserved, strict=True) if is_drawn)
    assert np.mean(judging) == pytest.approx(1 - (1 - rate) ** 2, abs=0.02)


def test_an_audit_probability_of_its_own_counts_up_to_the_share_of_judging_authors() -> None:
    """A sample cannot be drawn more often than its author judges, and its weight says so."""
    draw = audit_draw(sample(0), audit_rate=0.1, seed=3, probability=0.9, entity="author:x")
    rare = audit_draw(sample(0), audit_rate=0.1, seed=3, probability=0.02, entity="author:x")
    alone = audit_draw(sample(0), audit_rate=0.1, seed=3, probability=0.9, entity=None)

    assert draw.inclusion_probability == pytest.approx(0.19)
    assert rare.inclusion_probability == 0.02
    assert (alone.inclusion_probability, alone.limit) == (0.9, 0.9)


def test_models_learn_from_the_authors_who_do_not_judge_first() -> None:
    """A post of a judging author is asked about only when nothing else is left."""
    pool = [
        Candidate(sample(number), BATCH, Lane.REVIEW, entity=f"author:{number % 40}") for number in range(200)
    ]
    spending = Spending(60, audit_rate=0.1, audit_share=0.1, seed=3)
    few = select(pool, spending, rank=in_their_order)
    everything = select(pool, Spending(400, audit_rate=0.1, audit_share=0.1, seed=3), rank=in_their_order)

    chosen = [one.candidate for one in few if one.purpose is not Purpose.AUDIT]
    assert chosen
    assert not any(is_judging(one.entity or "", audit_rate=0.1, seed=3) for one in chosen)
    assert len(everything) == len(pool)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from([None, "a", "b", "c"]),
            st.sampled_from(list(Split)),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_no_order_of_arrivals_puts_an_author_on_two_sides(
    arrivals: list[tuple[int, str | None, Split, bool]],
) -> None:
    """Near-duplicates across authors, an audit rate that changed, a push in parts: nothing leaks."""
    plans: list[PlannedTask] = []
    splits = AssignedSplits([], max_distance=0)
    placed = []
    for number, (group, entity, wanted, is_restart) in enumerate(arrivals):
        if is_restart:
            splits = AssignedSplits(plans, max_distance=0)
        split = splits.assign(f"g{group}", entity, wanted)
        plans.append(planned(number, f"g{group}", entity, split))
        placed.append(ProvisionalLabel(sample(number), "fine", f"g{group}", entity, split))
    check_no_leak(placed)


def test_an_audit_judges_beside_a_post_that_is_withheld() -> None:
    """The same spam twice by a judging author: the answered one teaches nothing, the audited one counts."""
    splits = AssignedSplits([planned(0, "g", "a", Split.WITHHELD)], max_distance=0)

    assert splits.assign("g", "a", Split.WITHHELD) is Split.WITHHELD
    assert splits.assign("g", "a", Split.HOLDOUT) is Split.HOLDOUT
    assert splits.assign("g", "b", Split.TRAIN) is Split.WITHHELD
    assert splits.assign("g", None, Split.TRAIN) is Split.WITHHELD


def planned(number: int, group: str, entity: str | None, split: Split) -> PlannedTask:
    """Return a planned task with this split."""
    key = task_key(sample(number), Purpose.SEED)
    return PlannedTask(key, 1, number, NOW, BATCH, "hold", "", split, group, entity=entity)


def test_a_plan_keeps_the_author_and_withholds_what_would_leak() -> None:
    """Whoever judges trains nothing: an answered post of theirs is withheld; audits share a split."""
    arrived = {
        sample(number): ArrivedSample(
            sample(number), f"posts.csv#id={number}", BATCH, None, f"author:{number % 30}"
        )
        for number in range(300)
    }
    pool = [Candidate(key, BATCH, Lane.REVIEW, entity=one.entity) for key, one in arrived.items()]
    choices = select(pool, Spending(1000, audit_rate=0.2, audit_share=0.5, seed=3), rank=in_their_order)
    plans = plan_tasks(
        choices,
        earlier=[],
        predictions={},
        samples=arrived,
        settings=SETTINGS,
        is_shown=lambda *_: False,
        round_=1,
        at=NOW,
    )

    splits = Counter((plan.purpose, plan.split) for plan in plans)
    of_author: dict[str | None, set[Split]] = {}
    for plan in plans:
        of_author.setdefault(plan.entity, set()).add(plan.split)
    assert len(plans) == 300
    assert {plan.entity for plan in plans} == {f"author:{number}" for number in range(30)}
    assert splits[Purpose.REVIEW, Split.WITHHELD] > 0
    assert splits[Purpose.AUDIT, Split.TRAIN] == splits[Purpose.AUDIT, Split.WITHHELD] == 0
    assert all(len(found - {Split.WITHHELD}) == 1 for found in of_author.values())
