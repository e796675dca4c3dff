"""Which rounds a new model's traffic is compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from goldloop.adapters.memory import memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Arrived
from goldloop.drift.checks import Check, Drift
from goldloop.drift.history import MOST_ROUNDS, Seen, rounds_that_count
from goldloop.drift.sketches import sketch_of
from goldloop.tables.batches import read_current_samples, save_batch

START = datetime(2026, 1, 5, tzinfo=UTC)


def test_without_alarms_the_newest_rounds_count() -> None:
    """Without alarms, the newest MOST_ROUNDS rounds with arrivals count."""
    assert rounds_that_count([0, 1, 2, 3], []) == [0, 1, 2, 3]
    assert rounds_that_count(range(41), []) == list(range(41 - MOST_ROUNDS, 41))
    assert rounds_that_count([0, 0, 40], []) == [0, 40]


def test_one_bad_week_does_not_count() -> None:
    """A single round with an alarm does not count."""
    assert rounds_that_count(range(4), [3]) == [0, 1, 2]
    assert rounds_that_count(range(6), [3]) == [0, 1, 2, 4, 5]


def test_a_change_that_stays_makes_what_was_before_obsolete() -> None:
    """After two alarms in a row, only these and later rounds count."""
    assert rounds_that_count(range(5), [3, 4]) == [3, 4]
    assert rounds_that_count(range(9), [3, 4, 7]) == [3, 4, 5, 6, 8]
    assert rounds_that_count(range(7), [3, 4, 5]) == [4, 5, 6]
    assert rounds_that_count([0, 3, 6, 9], [3, 6]) == [3, 6, 9]


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_they_are_few_in_order_and_had_arrivals(arrived: set[int], drifted: set[int]) -> None:
    """Whatever was flagged: at most MOST_ROUNDS, ascending, and the newest is there unless it was odd."""
    counting = rounds_that_count(arrived, drifted)
    assert counting == sorted(set(counting))[-MOST_ROUNDS:]
    assert set(counting) <= arrived
    if arrived and max(arrived) not in drifted:
        assert counting[-1] == max(arrived)


def test_samples_of_rounds_that_count_are_current() -> None:
    """A sample belongs to the round that was open when it arrived, an alarm to that when it was raised."""
    tables = memory_tables()
    weeks = [START + timedelta(weeks=number) for number in range(5)]
    for number, closed_at in enumerate(weeks):
        tables.rounds.append([{"round": number, "closed_at": closed_at + timedelta(days=6)}])
    tables.samples.append(
        [
            {"sample_id": f"{number}", "arrived": str(Arrived.SAMPLE), "arrived_at": at}
            for number, at in enumerate(weeks)
        ]
        + [{"sample_id": "bad", "arrived": str(Arrived.QUARANTINE), "arrived_at": weeks[4]}]
    )
    probs, embeddings = np.tile([0.9, 0.1], (3, 1)), np.zeros((3, 2), dtype=np.float32)
    sketch = sketch_of(probs, embeddings, LabelSet(("a", "b")))
    moved = Drift("labels", "a", 0.1, 0.2, "label 'a' went from 10.0 % to 20.0 % of predictions")
    for number, at in enumerate(weeks):
        check = Check((moved,) if number in (2, 3) else (), 3, 99)
        save_batch(tables.batches, Seen("in", f"{number}", at + timedelta(hours=1), sketch, check))
    assert read_current_samples(tables) == {"2", "3", "4"}
