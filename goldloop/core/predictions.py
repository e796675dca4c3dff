"""Predictions: what one model predicted for one sample, and the lane the policy in force gave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.core.lanes import Lane
from goldloop.core.samples import BatchId, SampleId


@dataclass(frozen=True, slots=True)
class Prediction:
    """A row of the predictions table; the newest row of a sample is its present one.

    `probs` (n_labels) are in single precision; they, `label`, `confidence` and `margin` are None before any
    model. `audit_probability` is fixed by the first prediction; None where only the audit rate is known.
    """

    sample_id: SampleId
    batch: BatchId
    model_version: str
    policy: str
    lane: Lane
    scored_at: datetime
    label: str | None = None
    confidence: float | None = None
    margin: float | None = None
    probs: tuple[float, ...] | None = None
    audit_probability: float | None = None
