"""Arms: the random groups of review samples that measure automation bias."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId


class Arm(StrEnum):
    """Group of a review task: hide the suggestion, show it and ask for a blind answer too, or no test."""

    HIDDEN = "hidden"
    SHOWN = "shown"
    UNTESTED = "untested"


def arm_of(sample_id: SampleId, *, hidden_share: float, seed: int) -> Arm:
    """Return the arm of the sample's review task.

    HIDDEN and SHOWN each hold `hidden_share` (at most 0.5) of the samples; a larger share only adds samples.
    """
    number = permanent_random(sample_id, seed, "anchoring")
    if number < hidden_share:
        return Arm.HIDDEN
    return Arm.SHOWN if number >= 1 - hidden_share else Arm.UNTESTED
