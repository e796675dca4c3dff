"""Chance: permanent random numbers of samples and entities, and what they decide: the audit reserve, the side
of an entity, and the arms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from goldloop.core.samples import SampleId

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def permanent_random(of: str, seed: int, stream: str) -> float:
    """Return the random number in [0, 1) of a sample or entity, for `stream`; the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{stream}:{of}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def permanent_randoms(of: Iterable[str], seed: int, stream: str) -> Numbers:
    """Return the `permanent_random` of each sample or entity, (n,)."""
    begin, sha256 = f"{seed}:{stream}:".encode(), hashlib.sha256
    drawn = b"".join([sha256(begin + one.encode()).digest()[:8] for one in of])
    return np.asarray((np.frombuffer(drawn, dtype=">u8") >> 8) / 2**56, dtype=np.float64)


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


@dataclass(frozen=True, eq=False)
class AuditDraws:
    """The draws of n samples: the columns, (n,) each, of `AuditDraw`.

    `judging` tells which samples belong to an entity on the judging side.
    """

    numbers: Numbers
    limits: Numbers
    inclusion_probabilities: Numbers
    judging: Flags

    @cached_property
    def reserved(self) -> Flags:
        """Which samples are in the audit reserve."""
        return np.asarray(self.numbers < self.limits)

    @property
    def ratios(self) -> Numbers:
        """The numbers over the limits, below 1 for the reserve; the smallest are asked about first."""
        is_drawn = self.limits > 0
        with np.errstate(over="ignore"):  # of a limit next to 0
            return np.where(is_drawn, self.numbers / np.where(is_drawn, self.limits, 1.0), 1.0 + self.numbers)


def audit_draws(
    sample_ids: Sequence[SampleId],
    *,
    audit_rate: float,
    seed: int,
    probabilities: Numbers,
    entities: Sequence[str | None],
) -> AuditDraws:
    """Return the draws of n samples, whose audit `probabilities` (n,) are NaN where they are `audit_rate`.

    A sample of an entity, of which `entities` holds n, is drawn in two steps: the entity is on the judging
    side or not, and of those that are the sample is drawn. Its probability is then at most that of the first
    step.
    """
    probabilities = np.where(np.isnan(probabilities), audit_rate, probabilities)
    numbers, share = permanent_randoms(sample_ids, seed, "audit"), _judging_share(audit_rate)
    known = {one for one in entities if one is not None}
    if not known:
        return AuditDraws(numbers, probabilities, probabilities, np.zeros(len(numbers), dtype=bool))
    sides = {one: is_judging(one, audit_rate=audit_rate, seed=seed) for one in known}
    belongs = np.array([one is not None for one in entities], dtype=bool)
    judging = np.array([one is not None and sides[one] for one in entities], dtype=bool)
    probabilities = np.where(belongs, np.minimum(probabilities, share), probabilities)
    limits = np.where(belongs, np.where(judging, probabilities / (share or 1.0), 0.0), probabilities)
    return AuditDraws(numbers, limits, probabilities, judging)


def audit_draw(
    sample_id: SampleId, *, audit_rate: float, seed: int, probability: float | None = None, entity: str | None
) -> AuditDraw:
    """Return the draw of one sample, whose audit probability is `probability`, or else `audit_rate`."""
    chances = np.array([np.nan if probability is None else probability])
    draws = audit_draws(
        [sample_id], audit_rate=audit_rate, seed=seed, probabilities=chances, entities=[entity]
    )
    columns = (draws.numbers, draws.limits, draws.inclusion_probabilities)
    return AuditDraw(*(float(column[0]) for column in columns))


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
