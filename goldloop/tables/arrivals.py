"""Arrivals: which samples arrived in rounds that look like the traffic to come."""

from __future__ import annotations

import pyarrow.compute as pc

from goldloop.core.ports import Tables
from goldloop.core.samples import Arrived, SampleId
from goldloop.drift.regimes import current_samples
from goldloop.tables.batches import read_seen


def read_current_samples(tables: Tables) -> set[SampleId]:
    """Return the samples that `goldloop.drift.regimes.current_samples` selects."""
    rows = tables.samples.read(["sample_id", "arrived", "arrived_at"])
    rows = rows.filter(pc.field("arrived") == str(Arrived.SAMPLE))
    moments = zip(rows["sample_id"].to_pylist(), rows["arrived_at"].to_pylist(), strict=True)
    return current_samples(
        {SampleId(sample_id): moment for sample_id, moment in moments},
        closed_at=sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist()),
        drifted_at=[seen.scored_at for seen in read_seen(tables.batches) if seen.check.drifts],
    )
