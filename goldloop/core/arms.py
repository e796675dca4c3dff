"""Arms: how a review sample takes part in the measurement of automation bias."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId


class Arm(StrEnum):
    """What chance decided for a review task: hide its suggestion, show and check it, or neither."""

    HIDDEN = "hidden"
    SHOWN = "shown"
    UNTESTED = "untested"


def arm_of(sample_id: SampleId, *, hidden_share: float, seed: int) -> Arm:
    """Return the arm of the sample's review task; a larger `hidden_share` (at most 0.5) only adds to both."""
    number = permanent_random(sample_id, seed, "anchoring")
    if number < hidden_share:
        return Arm.HIDDEN
    return Arm.SHOWN if number >= 1 - hidden_share else Arm.UNTESTED
