"""Garbage collection: a step pauses it, and it goes on afterwards, whatever happens."""

from __future__ import annotations

import gc

import pytest

from goldloop.core.garbage import uncollected


def test_it_is_paused_within_and_goes_on_after_the_outer_pause() -> None:
    """One that was paused before stays paused."""
    assert gc.isenabled()
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()

    assert gc.isenabled()


def test_it_goes_on_after_a_step_that_fails() -> None:
    """The error leaves the step, and no pause stays behind."""

    @uncollected()
    def fail() -> None:
        raise ValueError("fails")

    with pytest.raises(ValueError, match="fails"):
        fail()

    assert gc.isenabled()
