"""Predictions: what one model said about one sample, and the lane that a policy gave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.core.lanes import Lane
from goldloop.core.samples import BatchId, SampleId


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction.

    `probs` (n_labels,) are in label-set order; a row that is older than a label lacks that label.
    `label`, `confidence` and `margin` are None, and `probs` is empty, where no model has scored the sample.
    `audit_probability` is the chance with which the sample is reserved for the audit.
    """

    sample_id: SampleId
    batch: BatchId
    model_version: str | None
    policy: str | None
    lane: Lane
    label: str | None
    confidence: float | None
    margin: float | None
    probs: tuple[float, ...]
    scored_at: datetime
    audit_probability: float | None
