"""Gold: versioned labels made by people, their digest, and the difference of two versions."""

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
    """The label of a sample in a gold version, and its evidence.

    `posterior` maps labels to probabilities, `votes` to numbers of answers. `support` counts the answers that
    agree with `label`. `inclusion_probability` is None for samples that were not drawn at random. `entity` is
    whom or what the sample belongs to, such as an author, if that is known. `labelled_at` is when the label
    was known: the moment of the last answer, or that of the outcome or imported label which decides.
    """

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
    entity: str | None = None

    @property
    def source(self) -> str:
        """Whence the label comes: people, an appeal, a reported outcome or an import."""
        begin = self.method.partition("/")[0]
        return begin if begin in ("appeal", "outcome", "import") else "people"

    @property
    def cluster(self) -> str:
        """What the sample has in common with those that a model is right about together."""
        return self.entity or self.group

    def content(self) -> tuple[Any, ...]:
        """Return the fields in the digest: all but ids and moments, which servers assign."""
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
            *([] if self.entity is None else [self.entity]),
        )


def gold_digest(records: Iterable[GoldRecord]) -> str:
    """Return SHA-256 (hexadecimal) of the records' `content`, in order of sample_id.

    The same labels from the same votes give the same digest on every machine.
    """
    return lines_digest(map(gold_line, sorted(records, key=lambda record: record.sample_id)))


def gold_line(record: GoldRecord) -> str:
    """Return the line of a record that its gold version's digest covers; lines sort as sample_ids do."""
    return json.dumps(record.content(), ensure_ascii=False, separators=(",", ":"))


def lines_digest(lines: Iterable[str]) -> str:
    """Return the digest of the gold version that has these `lines`, in order."""
    digest = hashlib.sha256(b"goldloop gold 1\n")
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


KINDS = ("added", "changed", "removed", "reweighed")
"""How a sample differs between two gold versions: "changed" has another label, "reweighed" other evidence."""


@dataclass(frozen=True, slots=True)
class GoldVersion:
    """An entry of the gold log; a reweighed record has the same label as before and other evidence.

    `removed_at` is the moment at which the content of a version that nothing names was removed, None where
    the version opens.
    """

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
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GoldChange:
    """The difference of one sample between two gold versions; `before` or `after` is None if it is absent."""

    sample_id: SampleId
    before: GoldRecord | None
    after: GoldRecord | None

    @property
    def kind(self) -> str:
        """Return which of `KINDS` the difference is."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.before.label != self.after.label else "reweighed"


def gold_diff(before: Iterable[GoldRecord], after: Iterable[GoldRecord]) -> list[GoldChange]:
    """Return the samples whose content differs, in order of sample_id."""
    old = {record.sample_id: record for record in before}
    new = {record.sample_id: record for record in after}
    changes = []
    for sample_id in sorted(old.keys() | new.keys()):
        left, right = old.get(sample_id), new.get(sample_id)
        if left == right:  # most are, and most quickly found to be
            continue
        if left is None or right is None or left.content() != right.content():
            changes.append(GoldChange(sample_id, left, right))
    return changes
