"""Past models: what each challenger got wrong on the holdout, and when it first judged each sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.audit.audited import clusters_of
from goldloop.core.labels import LabelSet
from goldloop.core.probs import likeliest
from goldloop.core.splits import Split
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldRecord
from goldloop.tables.codec import column_values
from goldloop.tables.traffic import probs_of_rows
from goldloop.training.evaluate import weights_of
from goldloop.training.outlook import PastModels
from goldloop.training.promotion import RoundRecord

MOST_MODELS = 60
"""Newest challengers that the learning curve rests on: a year of weeks, and a few more."""


def read_past_models(
    tables: Tables, gold: Iterable[GoldRecord], labels: LabelSet, rounds: Sequence[RoundRecord]
) -> PastModels:
    """Return the challengers of `rounds` (oldest first) that the evaluations know, with the gold of now.

    A round has at least as many answers as gold samples: a label that nobody was asked for counts as one.
    """
    holdout = sorted(
        (record for record in gold if record.split is Split.HOLDOUT), key=lambda record: record.sample_id
    )
    trained = [record for record in rounds if record.decision is not None][-MOST_MODELS:]
    rows = _evaluated(tables, holdout, trained)
    judged = set(rows["model_version"].unique().to_pylist())
    kept = [record for record in trained if record.model_version in judged]
    models = {record.model_version: place for place, record in enumerate(kept)}
    columns = {record.sample_id: place for place, record in enumerate(holdout)}
    model = np.array([models[version] for version in rows["model_version"].to_pylist()], dtype=np.intp)
    column = np.array([columns[sample_id] for sample_id in rows["sample_id"].to_pylist()], dtype=np.intp)
    closed = [record.closed_at for record in kept]
    moments = [at for (at,) in column_values(rows, "evaluated_at")]
    truth = np.array([labels.column(record.label) for record in holdout], dtype=np.intp)
    wrong = np.full((len(kept), len(holdout)), np.nan)
    wrong[model, column] = likeliest(probs_of_rows(rows, labels)) != truth[column]
    first = np.zeros(wrong.shape, dtype=np.intp)
    places = {at: sum(moment < at for moment in closed) for at in set(moments)}
    first[model, column] = [places[at] for at in moments]
    return PastModels(
        rounds=np.array([record.round for record in kept], dtype=np.intp),
        answers=np.array([max(record.n_annotations, record.n_gold, 1) for record in kept], dtype=np.float64),
        is_wrong=wrong,
        first_judged=first,
        weights=weights_of(holdout),
        clusters=clusters_of(holdout),
    )


def _evaluated(tables: Tables, holdout: Sequence[GoldRecord], rounds: Sequence[RoundRecord]) -> pa.Table:
    """Return the evaluations of the holdout by the challengers of `rounds`, the newest first."""
    versions = [record.model_version for record in rounds]
    is_wanted = pc.field("model_version").isin(pa.array(versions, pa.string()))
    names = ["sample_id", "model_version", "probs", "label_names", "evaluated_at"]
    rows = tables.evaluations.read(names, where=is_wanted)
    in_holdout = pc.is_in(rows["sample_id"], pa.array([record.sample_id for record in holdout], pa.string()))
    return rows.filter(in_holdout).sort_by([("evaluated_at", "descending")])
