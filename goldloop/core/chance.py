"""Chance: permanent random numbers of samples, and what they decide: the audit reserve and the arms."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from goldloop.core.samples import SampleId


def permanent_random(sample_id: SampleId, seed: int, stream: str) -> float:
    """Return the sample's random number in [0, 1) for `stream`; the same on every machine, in every round."""
    digest = hashlib.sha256(f"{seed}:{stream}:{sample_id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_reserved(sample_id: SampleId, *, audit_rate: float, seed: int) -> bool:
    """Return whether the sample is in the audit reserve; `audit_rate` is its inclusion probability."""
    return permanent_random(sample_id, seed, "audit") < audit_rate


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
