"""Candidates: samples that annotators can be asked about, and the choice of some of them."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.core.lanes import Lane
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import Purpose


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample of the pool: it has arrived, and no live task asks people about it.

    `margin` and `label` are those of its newest prediction; both None before any model has scored it.
    `audit_probability` was fixed by its first prediction; None where nothing but the audit rate is known.
    """

    sample_id: SampleId
    batch: BatchId
    lane: Lane
    margin: float | None = None
    label: str | None = None
    audit_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A sample chosen for people, why, and with which probability chance would have chosen it.

    `inclusion_probability` is None for quick reviews and full reviews, where no chance is involved, and for a
    seed drawn from what a model held.
    """

    candidate: Candidate
    purpose: Purpose
    inclusion_probability: float | None

    @property
    def stratum(self) -> str:
        """Batch and lane at the time of the draw."""
        return f"{self.candidate.batch}/{self.candidate.lane}"
