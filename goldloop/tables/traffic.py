"""Traffic: the named queries on what models predicted for all samples, and for the holdout."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.audit.audited import Audited, Traffic, audited_traffic, clusters_of
from goldloop.core.error_costs import Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, column_names, joined_probs, likeliest, stored_probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.table_ports import Table, Tables
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.routing.outcomes import under
from goldloop.routing.settle import PolicyEvidence
from goldloop.tables import codec
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import closing_times, current_round
from goldloop.training.evaluate import HoldoutEvaluation

_CELLS = "sample_id, lane, label, probs, label_names, model_version, decided, stake"
_FIRST = f"""
WITH first AS (
    SELECT md5_number(sample_id) AS sample, min(scored_at) AS scored_at, min(scored_at) AS first_at
    FROM predictions WHERE label IS NOT NULL GROUP BY ALL
)
SELECT {_CELLS}, first_at FROM predictions JOIN first
ON md5_number(sample_id) = sample AND predictions.scored_at = first.scored_at
WHERE label IS NOT NULL ORDER BY sample_id
"""
_NEWEST = _FIRST.replace("min(scored_at) AS scored_at", "max(scored_at) AS scored_at")
_OF_WANTED = _FIRST.replace(
    "label IS NOT NULL GROUP", "label IS NOT NULL AND sample_id IN (SELECT sample_id FROM wanted) GROUP"
)
"""What models first said of each sample, what they said last, and what they first said of wanted ones."""


def read_traffic(tables: Tables, labels: LabelSet) -> Traffic:
    """Return the first prediction of every sample by any model, in order of sample_id."""
    return _traffic(tables.engine.query(_FIRST, predictions=tables.predictions), tables, labels)


def read_present_lanes(tables: Tables, labels: LabelSet) -> Traffic:
    """Return the newest prediction and lane of every sample, in order of sample_id.

    A sample belongs to the round in which a model scored it first.
    """
    return _traffic(tables.engine.query(_NEWEST, predictions=tables.predictions), tables, labels)


def _traffic_among(
    tables: Tables, labels: LabelSet, sample_ids: Collection[SampleId], model_version: str
) -> Traffic:
    """Return the first predictions of `sample_ids`, those that `model_version` was the first to score."""
    wanted = pa.table({"sample_id": pa.array(sorted(sample_ids), pa.string())})
    rows = tables.engine.query(_OF_WANTED, predictions=tables.predictions, wanted=wanted)
    return _traffic(rows.filter(pc.field("model_version") == model_version), tables, labels)


def _traffic(rows: pa.Table, tables: Tables, labels: LabelSet) -> Traffic:
    """Return `rows`, which are in order of sample_id, as traffic: the first row of each sample."""
    rows = _without_repeats(rows)
    closed = np.array([_moment(at) for at in closing_times(tables.rounds)], dtype="datetime64[us]")
    first_at = rows["first_at"].to_numpy().astype("datetime64[us]")
    probs = probs_of_rows(rows, labels)
    return Traffic(
        sample_ids=tuple(SampleId(sample_id) for sample_id in rows["sample_id"].to_pylist()),
        probs=probs,
        decided=_columns(rows["decided"], probs, labels),
        stakes=np.nan_to_num(rows["stake"].cast(pa.float64()).to_numpy()),
        lanes=_texts(rows["lane"]),
        rounds=np.searchsorted(closed, first_at, side="left").astype(np.intp),
    )


def _without_repeats(rows: pa.Table) -> pa.Table:
    """Return the first of rows of the same sample, which lie beside each other."""
    if len(rows) < 2:
        return rows
    ids = rows["sample_id"].combine_chunks()
    is_new = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1))
    return rows.filter(pa.concat_arrays([pa.array([True]), is_new]))


def _moment(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def probs_of_rows(rows: pa.Table, labels: LabelSet) -> Probs:
    """Return the probs (n, n_labels) of rows with the columns `probs` and `label_names`."""
    stored, names = rows["probs"].combine_chunks(), rows["label_names"].combine_chunks().dictionary_encode()
    lengths = pc.list_value_length(stored).to_numpy()
    texts = [*names.dictionary.to_pylist(), None]
    codes = np.nan_to_num(names.indices.cast(pa.float64()).to_numpy(zero_copy_only=False), nan=-1)
    kinds = np.unique(np.column_stack([codes, lengths]).astype(np.int64), axis=0).tolist()
    parts = []
    for code, length in kinds:
        places = np.flatnonzero((codes == code) & (lengths == length))
        values = stored.take(pa.array(places)).flatten().to_numpy()
        parts.append((places, texts[code], values.reshape(len(places), length)))
    return joined_probs(len(rows), parts, labels)


def _columns(names: pa.ChunkedArray, probs: Probs, labels: LabelSet) -> npt.NDArray[np.intp]:
    """Return the columns of the labels that samples were taken for; where none is kept, the likeliest."""
    columns = pc.index_in(names, pa.array(list(labels), pa.string())).to_numpy(zero_copy_only=False)
    is_known = ~np.isnan(columns.astype(np.float64))
    return np.where(is_known, np.nan_to_num(columns.astype(np.float64)), likeliest(probs)).astype(np.intp)


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    """Return few different texts as an array (n,)."""
    coded = column.combine_chunks().dictionary_encode()
    texts = np.array(coded.dictionary.to_pylist(), dtype=np.str_)
    return np.asarray(texts[coded.indices.to_numpy()])


def _stakes(values: Sequence[float | None]) -> Stakes:
    return np.array([value or 0.0 for value in values], dtype=np.float64)


def evaluated_holdout(
    tables: Tables, gold: Iterable[GoldRecord], labels: LabelSet, model_version: str
) -> Audited:
    """Return the holdout as `model_version` last evaluated it; samples without its evaluation are missing."""
    names = ["sample_id", "model_version", "probs", "label_names", "evaluated_at", "stake"]
    rows = tables.evaluations.read(names)
    rows = rows.filter(pc.field("model_version") == model_version).sort_by("evaluated_at")
    evaluated = codec.column_values(rows, "sample_id", "probs", "label_names", "stake")
    probs_of = {sample_id: stored for sample_id, *stored in evaluated}
    holdout = sorted(
        (record for record in gold if record.split is Split.HOLDOUT and record.sample_id in probs_of),
        key=lambda record: record.sample_id,
    )
    n, stored = len(holdout), [probs_of[record.sample_id] for record in holdout]
    return Audited(
        sample_ids=tuple(record.sample_id for record in holdout),
        truth=np.array([labels.column(record.label) for record in holdout], dtype=np.intp),
        probs=stored_probs([probs for probs, *_ in stored], [names for _, names, _ in stored], labels),
        stakes=_stakes([stake for *_, stake in stored]),
        weights=np.array([1 / (record.inclusion_probability or 1) for record in holdout], dtype=np.float64),
        clusters=clusters_of(holdout),
        lanes=np.full(n, "", dtype="<U6"),
        rounds=np.full(n, -1, dtype=np.intp),
    )


def save_evaluation(
    evaluations: Table, evaluation: HoldoutEvaluation, labels: LabelSet, *, at: datetime
) -> None:
    """Append a row for each model and holdout sample, whose probs have columns in the order of `labels`."""
    evaluations.append(
        [
            {
                "sample_id": sample_id,
                "model_version": model,
                "gold_version": evaluation.gold_version,
                "probs": probs.tolist(),
                "evaluated_at": at,
                "label_names": column_names(labels),
                "stake": stake,
            }
            for model, rows in sorted(evaluation.probs.items())
            for sample_id, probs, stake in zip(
                evaluation.sample_ids, rows, evaluation.stakes.tolist(), strict=True
            )
        ]
    )


def policy_evidence(
    tables: Tables, gold: Collection[GoldRecord], labels: LabelSet, model_version: str
) -> PolicyEvidence:
    """Return what audits show about `model_version`, and the policy in force for it."""
    audits = {record.sample_id for record in gold if record.purpose is Purpose.AUDIT}
    traffic = _traffic_among(tables, labels, audits, model_version)
    entry = PolicyLog(tables.policies).in_force(model_version)
    return PolicyEvidence(
        holdout=evaluated_holdout(tables, gold, labels, model_version),
        traffic=audited_traffic(traffic, gold, labels),
        open_round=current_round(tables),
        in_force=None if entry is None else entry.policy,
    )


def present_audits(
    tables: Tables, gold: Collection[GoldRecord], labels: LabelSet, present: Traffic, champion: str | None
) -> Audited:
    """Return the audits that judge the labels of `present`, with the lanes of the policy in force.

    They are those of the champion: the holdout as it was evaluated on it, and audits that it was the first to
    score. Those that were asked about before any model had scored them count in the first round. Without a
    champion, or a policy for it, they are audits with their newest prediction.
    """
    entry = None if champion is None else PolicyLog(tables.policies).in_force(champion)
    if champion is None or entry is None:
        return audited_traffic(present, gold, labels)
    audits = policy_evidence(tables, gold, labels, champion).audits
    rounds = dict(zip(present.sample_ids, present.rounds.tolist(), strict=True))
    return replace(
        under(entry.policy, audits),
        rounds=np.array([rounds.get(one, 0) for one in audits.sample_ids], dtype=np.intp),
    )
