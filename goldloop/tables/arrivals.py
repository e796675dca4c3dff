"""Arrivals: the source of each sample, and the samples that arrived since the last lasting change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.ports import Tables
from goldloop.core.samples import Arrived, BatchId, SampleId
from goldloop.drift.history import current_samples
from goldloop.tables import codec
from goldloop.tables.batches import read_seen


@dataclass(frozen=True, slots=True)
class ArrivedSample:
    """Source of a sample, and the fingerprint that near-duplicates share."""

    sample_id: SampleId
    uri: str
    batch: BatchId
    fingerprint: str | None


def read_samples(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, ArrivedSample]:
    """Return each of `sample_ids` as it first arrived."""
    if not sample_ids:
        return {}
    wanted = (pc.field("arrived") == str(Arrived.SAMPLE)) & pc.field("sample_id").isin(
        pa.array(sorted(sample_ids), pa.string())
    )
    rows = tables.samples.read(["sample_id", "uri", "batch", "fingerprint", "arrived_at"], where=wanted)
    rows = rows.sort_by([("arrived_at", "descending")])
    return {sample.sample_id: sample for sample in codec.values_of(ArrivedSample, rows)}


def read_current_samples(tables: Tables) -> set[SampleId]:
    """Return the samples that `goldloop.drift.history.current_samples` selects."""
    rows = tables.samples.read(["sample_id", "arrived_at"], where=pc.field("arrived") == str(Arrived.SAMPLE))
    moments = zip(rows["sample_id"].to_pylist(), rows["arrived_at"].to_pylist(), strict=True)
    return current_samples(
        {SampleId(sample_id): moment for sample_id, moment in moments},
        closed_at=sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist()),
        drifted_at=[seen.scored_at for seen in read_seen(tables.batches) if seen.check.drifts],
    )
