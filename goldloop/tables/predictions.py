"""Predictions: the named queries on the newest prediction of each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.errors import SourceError
from goldloop.core.lanes import Lane
from goldloop.core.ports import Tables
from goldloop.core.predictions import Prediction
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.routing.policies import Policy
from goldloop.tables.codec import rows_of, values_of
from goldloop.tables.unlabeled_pool import newest_predictions

_COLUMNS = ("batch", "model_version", "policy", "probs", "audit_probability")


def find_prediction(tables: Tables, prefix: str) -> Prediction:
    """Return the newest prediction of the one sample whose id begins with `prefix`.

    Raises:
        SourceError: no scored sample has such an id, or several have.
    """
    rows = newest_predictions(tables, _COLUMNS)
    matches = rows.filter(pc.starts_with(pc.field("sample_id"), pattern=prefix.lower()))
    if len(matches) != 1:
        raise SourceError(
            f"{len(matches)} scored samples have an id that begins with {prefix!r}. Give a longer prefix of "
            "one id: `goldloop gold show` and Label Studio show ids."
        )
    return values_of(Prediction, matches)[0]


def predictions_under_other_policies(
    tables: Tables, *, model_version: str, policy: Policy, is_wanted: Callable[[SampleId], bool]
) -> list[Prediction]:
    """Return the newest predictions that `model_version` made and another policy than `policy` routed."""
    rows = newest_predictions(tables, _COLUMNS)
    rows = rows.filter(
        (pc.field("model_version") == model_version)
        & (pc.field("policy") != policy.version)
        & pc.field("label").is_valid()
    )
    return [prediction for prediction in values_of(Prediction, rows) if is_wanted(prediction.sample_id)]


def save_lane_changes(
    tables: Tables, changes: Iterable[tuple[Prediction, Lane]], *, policy: Policy, at: datetime
) -> None:
    """Append each prediction again with its new lane and policy, in one commit."""
    predictions = [
        replace(prediction, lane=lane, policy=policy.version, scored_at=at) for prediction, lane in changes
    ]
    if predictions:
        tables.predictions.append(rows_of(predictions))


def suggested_labels(tables: Tables, gold: Iterable[GoldRecord]) -> dict[SampleId, str]:
    """Return the model's label of each gold sample when it was pushed; a sample is missing without one."""
    wanted = {(record.sample_id, record.model_version) for record in gold}
    rows = tables.predictions.read(["sample_id", "model_version", "label"])
    ids = pa.array(sorted(sample_id for sample_id, _ in wanted), pa.string())
    rows = rows.filter(pc.field("sample_id").isin(ids) & pc.field("label").is_valid())
    columns = (rows[name].to_pylist() for name in ("sample_id", "model_version", "label"))
    return {
        SampleId(sample_id): label
        for sample_id, version, label in zip(*columns, strict=True)
        if (sample_id, version) in wanted
    }
