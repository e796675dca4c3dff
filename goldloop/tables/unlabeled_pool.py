"""The unlabeled pool: samples without a live task or a gold label, each with its newest prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.lanes import Lane
from goldloop.core.ports import Tables
from goldloop.core.predictions import Candidate, Prediction
from goldloop.core.samples import Arrived, BatchId, SampleId
from goldloop.tables import codec

_COLUMNS = ("sample_id", "scored_at", "lane", "label", "confidence", "margin")


@dataclass(frozen=True, slots=True)
class UnlabeledPool:
    """Candidates in order of sample_id, and the number of distinct samples that have arrived."""

    candidates: list[Candidate]
    n_arrived: int


def newest_predictions(
    tables: Tables, columns: Collection[str] = (), *, where: pc.Expression | None = None
) -> pa.Table:
    """Return the newest prediction of each sample: sample_id, lane, label, confidence, margin, `columns`."""
    rows = tables.predictions.read(list(dict.fromkeys([*_COLUMNS, *columns])), where=where).sort_by(
        "scored_at"
    )
    number = pa.array(range(len(rows)), pa.int64())
    newest = (
        rows.select(["sample_id"])
        .append_column("row", number)
        .group_by("sample_id")
        .aggregate([("row", "max")])
    )
    return rows.take(newest["row_max"].combine_chunks().sort())


def read_unlabeled_pool(tables: Tables, taken: Collection[SampleId]) -> UnlabeledPool:
    """Return every sample that has arrived, except those in `taken` (with a live task or in gold)."""
    samples = tables.samples.read(["sample_id", "batch"], where=pc.field("arrived") == str(Arrived.SAMPLE))
    batches = dict(zip(samples["sample_id"].to_pylist(), samples["batch"].to_pylist(), strict=True))
    names = ("lane", "margin", "label", "audit_probability")
    rows = newest_predictions(tables, ["audit_probability"])
    columns = zip(*(rows[name].to_pylist() for name in names), strict=True)
    known = dict(zip(rows["sample_id"].to_pylist(), columns, strict=True))
    candidates = [
        Candidate(SampleId(sample_id), BatchId(batches[sample_id]), Lane(lane), margin, label, probability)
        for sample_id in sorted(batches.keys() - set(taken))
        for lane, margin, label, probability in [known.get(sample_id, (Lane.HOLD, None, None, None))]
    ]
    return UnlabeledPool(candidates, len(batches))


def read_predictions(tables: Tables, sample_ids: Collection[SampleId]) -> Mapping[SampleId, Prediction]:
    """Return the newest prediction of each of `sample_ids`."""
    if not sample_ids:
        return {}
    wanted = pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
    columns = ["batch", "model_version", "policy", "probs", "audit_probability"]
    rows = newest_predictions(tables, columns, where=wanted)
    return {prediction.sample_id: prediction for prediction in codec.values_of(Prediction, rows)}
