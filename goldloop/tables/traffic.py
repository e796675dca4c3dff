"""Traffic: what models said of all samples, and of those that were audited."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Tables
from goldloop.core.probs import Probs, restored
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord


def read_traffic(tables: Tables, labels: LabelSet, model_version: str | None = None) -> Traffic:
    """Return the first prediction of every sample by any model, in order of sample_id.

    With `model_version` only the samples that this model was the first to score.
    """
    names = ["sample_id", "scored_at", "lane", "policy", "label", "probs", "model_version"]
    rows = tables.predictions.read(names).filter(pc.field("label").is_valid()).sort_by("scored_at")
    number = pa.array(range(len(rows)), pa.int64())
    first = rows.select(["sample_id"]).append_column("row", number)
    first = first.group_by("sample_id").aggregate([("row", "min")])
    rows = rows.take(first["row_min"]).sort_by("sample_id")
    if model_version is not None:
        rows = rows.filter(pc.field("model_version") == model_version)
    closed = sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist())
    return Traffic(
        sample_ids=tuple(SampleId(one) for one in rows["sample_id"].to_pylist()),
        probs=stored_probs(rows["probs"].to_pylist(), labels),
        lanes=np.array(rows["lane"].to_pylist(), dtype=str),
        policies=np.array(rows["policy"].to_pylist(), dtype=str),
        rounds=np.array(
            [bisect.bisect_left(closed, moment) for moment in rows["scored_at"].to_pylist()], dtype=np.intp
        ),
    )


def judged_by(tables: Tables, gold: Iterable[GoldRecord], labels: LabelSet, model_version: str) -> Audited:
    """Return the holdout as `model_version` last judged it; samples it never met are missing."""
    rows = tables.evaluations.read(["sample_id", "model_version", "probs", "evaluated_at"])
    rows = rows.filter(pc.field("model_version") == model_version).sort_by("evaluated_at")
    said: Mapping[str, list[float]] = dict(
        zip(rows["sample_id"].to_pylist(), rows["probs"].to_pylist(), strict=True)
    )
    holdout = sorted(
        (one for one in gold if one.split is Split.HOLDOUT and one.sample_id in said),
        key=lambda one: one.sample_id,
    )
    n = len(holdout)
    return Audited(
        sample_ids=tuple(one.sample_id for one in holdout),
        truth=np.array([labels.column(one.label) for one in holdout], dtype=np.intp),
        probs=stored_probs([said[one.sample_id] for one in holdout], labels),
        weights=np.array([1 / (one.inclusion_probability or 1) for one in holdout], dtype=np.float64),
        lanes=np.full(n, "", dtype="<U6"),
        rounds=np.full(n, -1, dtype=np.intp),
    )


def stored_probs(rows: list[list[float]], labels: LabelSet) -> Probs:
    """Return stored rows as probs (n, n_labels); labels that are newer than a row have probability 0."""
    padded = np.zeros((len(rows), len(labels)))
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return restored(padded)
