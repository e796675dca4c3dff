"""The pool: samples that no live task asks people about, each with its newest prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.candidates import Candidate
from goldloop.core.lanes import Lane
from goldloop.core.ports import Tables
from goldloop.core.samples import Arrived, BatchId, SampleId


@dataclass(frozen=True, slots=True)
class UnlabeledPool:
    """Candidates in order of sample_id, and the count of all distinct samples that ever arrived."""

    candidates: list[Candidate]
    n_arrived: int


def newest_predictions(tables: Tables, columns: Collection[str] = ()) -> pa.Table:
    """Return the newest prediction of each sample: sample_id, lane, label, confidence, margin, `columns`."""
    names = list(dict.fromkeys(["sample_id", "scored_at", "lane", "label", "confidence", "margin", *columns]))
    rows = tables.predictions.read(names).sort_by("scored_at")
    number = pa.array(range(len(rows)), pa.int64())
    newest = (
        rows.select(["sample_id"])
        .append_column("row", number)
        .group_by("sample_id")
        .aggregate([("row", "max")])
    )
    return rows.take(newest["row_max"].combine_chunks().sort())


def read_unlabeled_pool(tables: Tables, taken: Collection[SampleId]) -> UnlabeledPool:
    """Return every sample that has arrived, but for those `taken` by a live task or already in gold."""
    samples = tables.samples.read(["sample_id", "batch", "arrived"])
    samples = samples.filter(pc.field("arrived") == str(Arrived.SAMPLE))
    batches = dict(zip(samples["sample_id"].to_pylist(), samples["batch"].to_pylist(), strict=True))
    names = ("lane", "margin", "label", "audit_probability")
    rows = newest_predictions(tables, ["audit_probability"])
    known = dict(
        zip(
            rows["sample_id"].to_pylist(),
            zip(*(rows[name].to_pylist() for name in names), strict=True),
            strict=True,
        )
    )
    candidates = [
        Candidate(SampleId(sample_id), BatchId(batches[sample_id]), Lane(lane), margin, label, probability)
        for sample_id in sorted(batches.keys() - set(taken))
        for lane, margin, label, probability in [known.get(sample_id, (Lane.HOLD, None, None, None))]
    ]
    return UnlabeledPool(candidates, len(batches))


def prediction_rows(tables: Tables, sample_ids: Collection[SampleId]) -> Mapping[SampleId, Mapping[str, Any]]:
    """Return the newest prediction of each of `sample_ids`, with probs, policy and model version."""
    rows = newest_predictions(tables, ["probs", "policy", "model_version"])
    wanted = rows.filter(pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string())))
    return {SampleId(row["sample_id"]): row for row in wanted.to_pylist()}


def sample_rows(tables: Tables, sample_ids: Collection[SampleId]) -> Mapping[SampleId, Mapping[str, Any]]:
    """Return uri, batch and fingerprint of each of `sample_ids`, of its first arrival if it had several."""
    rows = tables.samples.read(["sample_id", "uri", "batch", "fingerprint", "arrived", "arrived_at"])
    wanted = (pc.field("arrived") == str(Arrived.SAMPLE)) & pc.field("sample_id").isin(
        pa.array(sorted(sample_ids), pa.string())
    )
    rows = rows.filter(wanted).sort_by([("arrived_at", "descending")])
    return {SampleId(row["sample_id"]): row for row in rows.to_pylist()}
