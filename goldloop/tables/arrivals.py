"""Arrivals: the source of each sample that has arrived."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.ports import Tables
from goldloop.core.samples import Arrived, BatchId, SampleId
from goldloop.tables import codec


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
