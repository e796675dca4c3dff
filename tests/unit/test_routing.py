"""Routing sends every sample to exactly one lane."""

from __future__ import annotations

import pytest
from hypothesis import given

from goldloop.errors import InvalidBandError
from goldloop.routing import Band, Lane, route
from tests.strategies import bands, confidences


@given(confidences(), bands())
def test_every_sample_gets_exactly_one_lane(confidence: float, band: Band) -> None:
    """Routing is a partition, and both edges of the band belong to review."""
    lane = route(confidence, band)

    assert (lane is Lane.REVIEW) == (band.low <= confidence <= band.high)
    assert (lane is Lane.AUTO) == (confidence > band.high)
    assert (lane is Lane.HOLD) == (confidence < band.low)


@pytest.mark.parametrize(
    ("confidence", "lane"),
    [(0.40, Lane.REVIEW), (0.70, Lane.REVIEW), (0.3999, Lane.HOLD), (0.7001, Lane.AUTO)],
)
def test_default_band_is_closed_at_both_ends(confidence: float, lane: Lane) -> None:
    """0.40 and 0.70 themselves go to people."""
    assert route(confidence, Band(0.40, 0.70)) is lane


@pytest.mark.parametrize(("low", "high"), [(0.7, 0.4), (0.5, 0.5), (-0.1, 0.4), (0.4, 1.1)])
def test_a_band_outside_the_unit_interval_is_refused(low: float, high: float) -> None:
    """The error names both edges."""
    with pytest.raises(InvalidBandError, match=f"got {low} and {high}"):
        Band(low, high)


@pytest.mark.parametrize("confidence", [float("nan"), -0.01, 1.01])
def test_no_number_has_no_lane(confidence: float) -> None:
    """NaN and numbers outside [0, 1] are refused rather than routed."""
    with pytest.raises(ValueError, match="confidence needs to be in"):
        route(confidence, Band(0.4, 0.7))
