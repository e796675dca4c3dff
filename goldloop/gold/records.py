"""Gold: immutable, human-made versions of labels, their digest and how two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose


@dataclass(frozen=True, slots=True)
class GoldRecord:
    """The label of one sample in one gold version, and how it came about."""

    sample_id: SampleId
    label: str
    split: Split
    group: str
    purpose: Purpose
    method: str
    support: int
    n_votes: int
    votes: Mapping[str, int]
    posterior: Mapping[str, float]
    batch: BatchId
    lane: str
    policy: str
    inclusion_probability: float | None
    model_version: str | None
    suggested_label: str | None
    annotators: tuple[str, ...]
    annotation_ids: tuple[int, ...]
    labelled_at: datetime

    def content(self) -> tuple[Any, ...]:
        """Return what the digest covers: all but the ids and moments that servers hand out by themselves."""
        probability = None if self.inclusion_probability is None else f"{self.inclusion_probability:.9g}"
        return (
            self.sample_id,
            self.label,
            self.split,
            self.group,
            self.purpose,
            self.method,
            self.support,
            self.n_votes,
            dict(sorted(self.votes.items())),
            {k: f"{v:.9g}" for k, v in sorted(self.posterior.items())},
            self.batch,
            self.lane,
            self.policy,
            probability,
            self.suggested_label,
        )


def gold_digest(records: Iterable[GoldRecord]) -> str:
    """Return SHA-256, in hexadecimal, over the records' content in order of sample_id.

    The same labels reached by the same votes give the same digest on every machine; annotation ids, user
    ids, model version numbers and moments do not enter, because a server hands them out.
    """
    digest = hashlib.sha256(b"goldloop gold 1\n")
    for record in sorted(records, key=lambda one: one.sample_id):
        digest.update(
            json.dumps(record.content(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        )
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class GoldVersion:
    """One entry of the gold log; a reweighed record keeps its label and has other evidence behind it."""

    version: int
    digest: str
    n_records: int
    n_added: int
    n_changed: int
    n_removed: int
    n_reweighed: int
    created_at: datetime
    parent: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class GoldChange:
    """How one sample differs between two gold versions; `before` or `after` is None where it is absent."""

    sample_id: SampleId
    before: GoldRecord | None
    after: GoldRecord | None

    @property
    def kind(self) -> str:
        """Return added, removed, changed (another label) or reweighed (the same label, other evidence)."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.before.label != self.after.label else "reweighed"


def gold_diff(before: Iterable[GoldRecord], after: Iterable[GoldRecord]) -> list[GoldChange]:
    """Return the samples whose content differs, in order of sample_id."""
    old = {one.sample_id: one for one in before}
    new = {one.sample_id: one for one in after}
    changes = []
    for sample_id in sorted(old.keys() | new.keys()):
        one, other = old.get(sample_id), new.get(sample_id)
        if one is None or other is None or one.content() != other.content():
            changes.append(GoldChange(sample_id, one, other))
    return changes
