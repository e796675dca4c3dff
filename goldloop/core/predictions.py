"""Predictions of one model for one sample, with its lane; and the candidates that annotators can label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.core.lanes import Lane
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import Purpose


@dataclass(frozen=True, slots=True)
class Prediction:
    """A row of the predictions table; the newest row of a sample is its present one.

    `probs` (n_labels) are in single precision; they, `label`, `confidence` and `margin` are None before any
    model. `audit_probability` is fixed by the first prediction; None where only the audit rate is known.
    `label_names` names the columns of `probs`, as `column_names` writes them. `decided` is the label that the
    policy takes the sample for where no annotator decides: the likeliest one, or the one that is expected to
    cost least at the sample's `stake`. `saving` is what a review is expected to save, in currency per minute,
    None where that is unknown. `let_through` is the probability with which a sample was let through that the
    policy would have stopped or reviewed, None for all others.
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
    label_names: str | None = None
    decided: str | None = None
    stake: float | None = None
    saving: float | None = None
    let_through: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample of the unlabeled pool: it has arrived and has no live task.

    `margin` and `label` belong to the newest prediction; both are None before the first. `audit_probability`
    was fixed by the first prediction; None means the audit rate. `hint` is the label of the user's hints that
    the sample was chosen for, None where no hint did. A sample that `is_audit_only` has an appeal or a known
    outcome: only the audit may still draw it. So it is for one that `is_overdue`: its time for a review is
    over. `entity` is whom or what the sample belongs to, if that is known. `saving` is what a review is
    expected to save, in currency per minute, where that is known.
    """

    sample_id: SampleId
    batch: BatchId
    lane: Lane
    margin: float | None = None
    label: str | None = None
    audit_probability: float | None = None
    hint: str | None = None
    is_audit_only: bool = False
    entity: str | None = None
    saving: float | None = None
    arrived_at: datetime | None = None
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate chosen for annotators, and the purpose of its task.

    `inclusion_probability` is the probability of the draw of an audit; None for all others.
    """

    candidate: Candidate
    purpose: Purpose
    inclusion_probability: float | None

    @property
    def stratum(self) -> str:
        """Stratum of the draw: batch and lane."""
        return f"{self.candidate.batch}/{self.candidate.lane}"
