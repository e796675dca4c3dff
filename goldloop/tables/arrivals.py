"""Arrivals: what is known of samples since they arrived."""

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
    """Where a sample came from, and the fingerprint that tells its near-duplicates."""

    sample_id: SampleId
    uri: str
    batch: BatchId
    fingerprint: str | None


def read_samples(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, ArrivedSample]:
    """Return each of `sample_ids` as of its first arrival, if it had several."""
    if not sample_ids:
        return {}
    wanted = (pc.field("arrived") == str(Arrived.SAMPLE)) & pc.field("sample_id").isin(
        pa.array(sorted(sample_ids), pa.string())
    )
    rows = tables.samples.read(["sample_id", "uri", "batch", "fingerprint", "arrived_at"], where=wanted)
    rows = rows.sort_by([("arrived_at", "descending")])
    return {sample.sample_id: sample for sample in codec.values_of(ArrivedSample, rows)}
