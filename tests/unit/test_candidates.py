"""Candidates as columns, and the draws of many samples at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.candidates import Candidates
from goldloop.core.chance import audit_draws, is_judging, permanent_random, permanent_randoms
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from tests.strategies import candidates

ARRIVED = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENTITIES = st.none() | st.sampled_from(["author:x", "author:y", "thread:z"])


def sample(number: int) -> SampleId:
    """Return the id of a sample."""
    return sample_id_of(f"{number}".encode())


WHOLE = [
    Candidate(
        sample(1), BatchId("b"), Lane.REVIEW, 0.25, "ham", 0.1, "spam", True, "author:x", 2.5, ARRIVED, True
    ),
    Candidate(sample(2), BatchId("c"), Lane.HOLD),
    Candidate(sample(3), BatchId("b"), Lane.AUTO, 0.9, "spam"),
]


def test_columns_give_back_the_candidates_that_they_were_made_of() -> None:
    """By place, from the end, as a slice, by rows and one after the other, with every field."""
    columns = Candidates.of(WHOLE)

    assert list(columns) == WHOLE
    assert [columns[0], columns[-1]] == [WHOLE[0], WHOLE[2]]
    assert list(columns[1:]) == WHOLE[1:]
    assert list(columns[::-1]) == WHOLE[::-1]
    assert list(columns.at(np.array([2, 0]))) == [WHOLE[2], WHOLE[0]]
    assert list(Candidates.of([])) == []
    with pytest.raises(IndexError):
        columns[3]


def test_each_question_about_columns_is_that_about_their_candidates() -> None:
    """What a candidate lacks is no number, no moment and nobody."""
    columns = Candidates.of(WHOLE)

    assert columns.sample_ids == [one.sample_id for one in WHOLE]
    assert columns.entities == ["author:x", None, None]
    np.testing.assert_array_equal(columns.margins, [0.25, np.nan, 0.9])
    np.testing.assert_array_equal(columns.savings, [2.5, np.nan, np.nan])
    np.testing.assert_array_equal(columns.audit_probabilities, [0.1, np.nan, np.nan])
    assert np.isnat(columns.arrived_at).tolist() == [False, True, True]
    assert columns.in_lanes(Lane.AUTO, Lane.HOLD).tolist() == [False, True, True]
    assert columns.among({sample(2), sample(9)}).tolist() == [False, True, False]
    assert columns.flags("is_overdue").tolist() == [True, False, False]
    marked = columns.marked("is_audit_only", np.array([False, False, True]))
    assert list(marked)[2] == replace(WHOLE[2], is_audit_only=True)


@given(candidates())
def test_where_keeps_what_is_flagged_in_order(pool: list[Candidate]) -> None:
    """The order is that of before."""
    flags = np.array([one.lane is Lane.REVIEW for one in pool], dtype=bool)

    assert list(Candidates.of(pool).where(flags)) == [one for one in pool if one.lane is Lane.REVIEW]


@given(
    names=st.lists(st.text(max_size=20)), seed=st.integers(0, 99), stream=st.sampled_from(["audit", "seed"])
)
def test_the_numbers_of_many_samples_are_those_of_each(names: list[str], seed: int, stream: str) -> None:
    """To the last bit, or an audit reserve would change between versions."""
    each = [permanent_random(name, seed, stream) for name in names]

    assert permanent_randoms(names, seed, stream).tolist() == each


@given(
    rows=st.lists(st.tuples(st.none() | st.floats(0, 1), ENTITIES), max_size=30),
    audit_rate=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_sample_is_reserved_by_its_own_number_and_the_side_of_its_entity(
    rows: list[tuple[float | None, str | None]], audit_rate: float, seed: int
) -> None:
    """Each draw is what the rule says for that sample alone, whoever else is drawn."""
    ids = [sample(number) for number in range(len(rows))]
    chances = np.array([chance for chance, _ in rows], dtype=np.float64)
    entities = [entity for _, entity in rows]

    draws = audit_draws(ids, audit_rate=audit_rate, seed=seed, probabilities=chances, entities=entities)

    share = 1 - (1 - audit_rate) ** 2
    for row, (given_chance, entity) in enumerate(rows):
        chance = audit_rate if given_chance is None else given_chance
        judges = entity is not None and is_judging(entity, audit_rate=audit_rate, seed=seed)
        of_sample = chance if entity is None else min(chance, share)
        limit = chance if entity is None else of_sample / share if judges else 0.0
        number = permanent_random(ids[row], seed, "audit")
        assert draws.inclusion_probabilities[row] == of_sample
        assert draws.judging[row] == judges
        assert draws.reserved[row] == (number < limit)
        assert draws.ratios[row] == (number / limit if limit else 1 + number)
