"""Routing: one pure function from calibrated confidence to exactly one lane."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from goldloop.errors import InvalidBandError


class Lane(StrEnum):
    """Where a scored sample goes: machine label, people, or nobody yet."""

    AUTO = "auto"
    REVIEW = "review"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Band:
    """Closed interval of calibrated confidence that people review."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise InvalidBandError(
                f"band needs 0 <= low < high <= 1, got {self.low} and {self.high}; correct policy.band"
            )

    @property
    def policy(self) -> str:
        """Name stored with each decision, enough to replay it."""
        return f"band[{self.low:g},{self.high:g}]"


def route(confidence: float, band: Band) -> Lane:
    """Return the lane of a sample: above the band auto, inside review (both ends included), below hold.

    Raises:
        ValueError: `confidence` is no number in [0, 1]; NaN has no lane.
    """
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence needs to be in [0, 1], got {confidence}")
    if confidence > band.high:
        return Lane.AUTO
    return Lane.REVIEW if confidence >= band.low else Lane.HOLD
