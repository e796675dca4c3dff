"""Which rounds a new model's traffic is compared with."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goldloop.drift.regimes import MOST_ROUNDS, rounds_that_count


def test_without_alarms_the_newest_rounds_count() -> None:
    """All of them at first, later the newest."""
    assert rounds_that_count([], last=3) == [0, 1, 2, 3]
    assert rounds_that_count([], last=40) == list(range(41 - MOST_ROUNDS, 41))


def test_one_bad_week_does_not_count() -> None:
    """What comes after a broken camera is compared with what came before it."""
    assert rounds_that_count([3], last=3) == [0, 1, 2]
    assert rounds_that_count([3], last=5) == [0, 1, 2, 4, 5]


def test_a_change_that_stays_makes_what_was_before_obsolete() -> None:
    """Two alarms in a row: they and what follows count, but for odd weeks; more alarms move on."""
    assert rounds_that_count([3, 4], last=4) == [3, 4]
    assert rounds_that_count([3, 4, 7], last=8) == [3, 4, 5, 6, 8]
    assert rounds_that_count([3, 4, 5], last=6) == [4, 5, 6]


@given(st.sets(st.integers(0, 30)), st.integers(0, 30))
def test_they_are_few_in_order_and_never_to_come(drifted: set[int], last: int) -> None:
    """Whatever was flagged: at most MOST_ROUNDS, ascending, none after the last, none flagged by itself."""
    found = rounds_that_count([one for one in drifted if one <= last], last=last)
    assert found == sorted(set(found))[-MOST_ROUNDS:]
    assert all(0 <= one <= last for one in found)
    assert all(one not in drifted or {one - 1, one + 1} & drifted for one in found)
