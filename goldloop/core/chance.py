"""Chance: permanent random numbers of samples and entities, and what they decide: the audit reserve, the side
of an entity, and the arms."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from goldloop.core.samples import SampleId


def permanent_random(of: str, seed: int, stream: str) -> float:
    """Return the random number in [0, 1) of a sample or entity, for `stream`; the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{stream}:{of}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_judging(entity: str, *, audit_rate: float, seed: int) -> bool:
    """Return whether the samples of `entity` judge models and teach none."""
    return permanent_random(entity, seed, "side") < _judging_share(audit_rate)


def _judging_share(audit_rate: float) -> float:
    """Return the share of entities that judge.

    With `audit_rate` itself no sample would be lost, but half as many entities would judge. With this one,
    nearly twice the rate, a share `audit_rate` of the samples that are not audited teaches nothing.
    """
    return 1 - (1 - audit_rate) ** 2


@dataclass(frozen=True, slots=True)
class AuditDraw:
    """The draw of one sample: `number` is its random number, below `limit` it is in the audit reserve.

    `inclusion_probability` is the probability of that, over the numbers of the sample and of its entity.
    """

    number: float
    limit: float
    inclusion_probability: float

    @property
    def is_reserved(self) -> bool:
        """Whether the sample is in the audit reserve."""
        return self.number < self.limit

    @property
    def ratio(self) -> float:
        """Return the number over the limit, below 1 for the reserve; the smallest are asked about first."""
        return self.number / self.limit if self.limit > 0 else 1.0 + self.number


def audit_draw(
    sample_id: SampleId, *, audit_rate: float, seed: int, probability: float | None = None, entity: str | None
) -> AuditDraw:
    """Return the draw of a sample, whose audit probability is `probability`, or else `audit_rate`.

    A sample of an `entity` is drawn in two steps: the entity is on the judging side or not, and of those that
    are the sample is drawn. Its probability is then at most that of the first step.
    """
    probability = audit_rate if probability is None else probability
    number = permanent_random(sample_id, seed, "audit")
    if entity is None:
        return AuditDraw(number, probability, probability)
    share = _judging_share(audit_rate)
    probability = min(probability, share)
    if not is_judging(entity, audit_rate=audit_rate, seed=seed):
        return AuditDraw(number, 0.0, probability)
    return AuditDraw(number, probability / share, probability)


def is_reserved(sample_id: SampleId, *, audit_rate: float, seed: int, entity: str | None = None) -> bool:
    """Return whether the sample is in the audit reserve; `audit_rate` is its inclusion probability."""
    return audit_draw(sample_id, audit_rate=audit_rate, seed=seed, entity=entity).is_reserved


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
