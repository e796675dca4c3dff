"""Gold records for tests that are about what follows from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord


def gold_record(sample_id: SampleId, label: str, **changes: object) -> GoldRecord:
    """Return what one person's review made of the sample, but for the `changes`."""
    plain = GoldRecord(
        sample_id=sample_id,
        label=label,
        split=Split.TRAIN,
        group=sample_id,
        purpose=Purpose.REVIEW,
        method="majority/1",
        support=1,
        n_votes=1,
        votes={label: 1},
        posterior={label: 1.0},
        batch=BatchId("b"),
        lane="review",
        policy="band[0.4,0.7]",
        inclusion_probability=None,
        model_version="1",
        suggested_label=None,
        annotators=("1",),
        annotation_ids=(7,),
        labelled_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def audited_record(sample_id: SampleId, label: str, **changes: object) -> GoldRecord:
    """Return what two people, blind, agreed on about a sample of the holdout, but for the `changes`."""
    audited: dict[str, object] = {
        "split": Split.HOLDOUT,
        "purpose": Purpose.AUDIT,
        "support": 2,
        "n_votes": 2,
        "votes": {label: 2},
        "lane": "auto",
        "inclusion_probability": 0.1,
        "annotators": ("1", "2"),
        "annotation_ids": (7, 8),
    }
    return gold_record(sample_id, label, **(audited | changes))
