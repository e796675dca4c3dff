"""Routing sends every sample to exactly one lane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.errors import InvalidBandError, InvalidProbabilitiesError
from goldloop.routing.lanes import Lane
from goldloop.routing.policies import Band, Policy, route
from tests.strategies import bands


def lane_of(confidence: float, policy: Policy) -> Lane:
    """Return the lane of a sample of two labels, of which the likelier one has `confidence`."""
    (lane,) = route([[confidence, 1 - confidence]], policy)
    return lane


@given(st.floats(0.5, 1), bands())
def test_every_sample_gets_exactly_one_lane(confidence: float, band: Band) -> None:
    """Routing is a partition, and both edges of the band belong to review."""
    lane = lane_of(confidence, band)

    assert (lane is Lane.REVIEW) == (band.low <= confidence <= band.high)
    assert (lane is Lane.AUTO) == (confidence > band.high)
    assert (lane is Lane.HOLD) == (confidence < band.low)


@pytest.mark.parametrize(
    ("confidence", "lane"),
    [(0.60, Lane.REVIEW), (0.70, Lane.REVIEW), (0.5999, Lane.HOLD), (0.7001, Lane.AUTO)],
)
def test_a_band_is_closed_at_both_ends(confidence: float, lane: Lane) -> None:
    """Both edges themselves go to people."""
    assert lane_of(confidence, Band(0.60, 0.70)) is lane


@pytest.mark.parametrize(("low", "high"), [(0.7, 0.4), (0.5, 0.5), (-0.1, 0.4), (0.4, 1.1)])
def test_a_band_outside_the_unit_interval_is_refused(low: float, high: float) -> None:
    """The error names both edges."""
    with pytest.raises(InvalidBandError, match=f"got {low} and {high}"):
        Band(low, high)


@pytest.mark.parametrize("confidence", [float("nan"), -0.01, 1.01])
def test_no_number_has_no_lane(confidence: float) -> None:
    """NaN and numbers outside [0, 1] are refused rather than routed."""
    with pytest.raises(InvalidProbabilitiesError, match="row 0 of probs"):
        lane_of(confidence, Band(0.4, 0.7))
