"""Predictions: the newest one of each sample, the unlabeled pool, and the named queries on both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.candidates import Candidates
from goldloop.core.errors import SourceError
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Prediction
from goldloop.core.samples import Arrived, BatchId, FileRef, SampleId
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldRecord
from goldloop.routing.policies import Policy
from goldloop.tables import codec
from goldloop.tables.batches import IS_SAMPLE
from goldloop.tables.views import ARRIVED_SAMPLES, NEWEST_PREDICTIONS, query_views

_COLUMNS = ("sample_id", "scored_at", "lane", "label", "confidence", "margin")
_FURTHER = ("batch", "model_version", "policy", "probs", "audit_probability", "label_names")
_DECISION = ("decided", "stake", "saving", "let_through")

_POOL = f"""
SELECT
    sample_id, batch, coalesce(lane, '{Lane.HOLD}') AS lane, margin, label, audit_probability, entity, saving,
    arrived_samples.moment AS arrived_at
FROM arrived_samples ANTI JOIN taken USING (sample_id) LEFT JOIN newest_predictions USING (key)
"""
"""Samples that are not taken, with their newest predictions."""

_WAITING = f"""
WITH before AS (
    SELECT md5_number(sample_id) AS sample, arg_max(
        {{'lane': lane, 'decided': coalesce(decided, label), 'chance': audit_probability}}, scored_at
    ) AS last
    FROM predictions SEMI JOIN waiting USING (sample_id) GROUP BY ALL
), arrivals AS (
    SELECT md5_number(sample_id) AS sample, arg_min(
        {{'sample_id': sample_id, 'batch': batch, 'uri': uri, 'size': size, 'stamp': stamp}},
        concat_ws(chr(10), batch, uri, stamp)
    ) AS found
    FROM samples SEMI JOIN waiting USING (sample_id) WHERE arrived = '{Arrived.SAMPLE}' GROUP BY ALL
)
SELECT unnest(found), last.lane, last.decided, last.chance AS audit_probability
FROM arrivals LEFT JOIN before USING (sample) ORDER BY found.batch, found.uri, found.stamp, found.sample_id
"""
"""Where waiting samples are, the first place of each, and their newest predictions."""


def newest_predictions(
    tables: Tables, columns: Collection[str] = (*_FURTHER, *_DECISION), *, where: pc.Expression | None = None
) -> pa.Table:
    """Return the newest prediction of each sample: sample_id, lane, label, confidence, margin, `columns`."""
    rows = tables.predictions.read([*_COLUMNS, *columns], where=where).sort_by("scored_at")
    return codec.one_for_each(["sample_id"], rows, which="max")


def read_unlabeled_pool(tables: Tables, taken: Collection[SampleId]) -> Candidates:
    """Return the candidates, in no order: every sample but those in `taken`, which have a live task
    or are in gold.
    """
    return Candidates(query_views(tables, _POOL, [ARRIVED_SAMPLES, NEWEST_PREDICTIONS], taken=_listed(taken)))


@dataclass(frozen=True, slots=True)
class WaitingSample:
    """A sample that a model has not scored last, where it first arrived, and its newest prediction.

    `decided` is the label that it was taken for. Lane, label and audit probability are None before the first
    prediction.
    """

    sample_id: SampleId
    batch: BatchId
    file: FileRef
    lane: Lane | None = None
    decided: str | None = None
    audit_probability: float | None = None


def read_waiting(tables: Tables, model_version: str) -> list[WaitingSample]:
    """Return the samples whose newest prediction is not by `model_version`, in order of batch and place."""
    unscored = f"""
        SELECT sample_id FROM arrived_samples ANTI JOIN (
            SELECT key FROM newest_predictions WHERE model_version = {_text(model_version)}
        ) USING (key)
    """
    waiting = query_views(tables, unscored, [ARRIVED_SAMPLES, NEWEST_PREDICTIONS])
    if not len(waiting):
        return []
    rows = tables.engine.query(
        _WAITING, samples=tables.samples, predictions=tables.predictions, waiting=waiting
    )
    names = ("sample_id", "batch", "uri", "size", "stamp", "lane", "decided", "audit_probability")
    return [
        WaitingSample(
            SampleId(sample_id),
            BatchId(batch),
            FileRef(uri, size, stamp),
            None if lane is None else Lane(lane),
            decided,
            chance,
        )
        for sample_id, batch, uri, size, stamp, lane, decided, chance in codec.column_values(rows, *names)
    ]


def read_predictions(tables: Tables, sample_ids: Collection[SampleId]) -> Mapping[SampleId, Prediction]:
    """Return the newest prediction of each of `sample_ids`."""
    if not sample_ids:
        return {}
    sql = "SELECT predictions.* FROM predictions SEMI JOIN wanted USING (sample_id) ORDER BY scored_at"
    found = tables.engine.query(sql, predictions=tables.predictions, wanted=_listed(sample_ids))
    rows = codec.one_for_each(["sample_id"], found, which="max")
    return {prediction.sample_id: prediction for prediction in codec.values_of(Prediction, rows)}


@dataclass(frozen=True, slots=True)
class FirstDecision:
    """What a sample was taken for when it was scored first, None before any model, and to whom it belongs.

    `audit_probability` is None where only the audit rate is known.
    """

    sample_id: SampleId
    entity: str | None = None
    decided: str | None = None
    audit_probability: float | None = None


def read_first_decisions(tables: Tables) -> dict[SampleId, FirstDecision]:
    """Return the first decision about every sample."""
    rows = tables.predictions.read(["sample_id", "scored_at", "label", "decided", "audit_probability"])
    first = codec.one_for_each(["sample_id"], rows.sort_by("scored_at"), which="min")
    columns = codec.column_values(first, "sample_id", "decided", "label", "audit_probability")
    known = {key: (decided or label, chance) for key, decided, label, chance in columns}
    samples = tables.samples.read(["sample_id", "entity"], where=IS_SAMPLE)
    return {
        SampleId(key): FirstDecision(SampleId(key), entity, *known.get(key, (None, None)))
        for key, entity in codec.column_values(samples, "sample_id", "entity")
    }


def read_let_through(tables: Tables) -> dict[SampleId, float]:
    """Return the probability with which each sample of the let-through group passed."""
    is_passed = pc.field("let_through").is_valid()
    rows = tables.predictions.read(["sample_id", "let_through"], where=is_passed)
    return {SampleId(key): chance for key, chance in codec.column_values(rows, "sample_id", "let_through")}


def read_drawn_predictions(
    tables: Tables, n: int, *, also: Collection[SampleId] = ()
) -> tuple[dict[SampleId, Prediction], int]:
    """Return the newest predictions of `n` samples and of those in `also`, and the number of scored samples.

    The `n` samples are those with the smallest ids: hashes of contents, so this is a random draw, the same in
    every round until others arrive. The order is that of the ids.
    """
    scored = "SELECT DISTINCT sample_id FROM predictions"
    sql = f"SELECT sample_id, count(*) OVER () AS n FROM ({scored}) ORDER BY sample_id LIMIT {n}"
    rows = tables.engine.query(sql, predictions=tables.predictions)
    predictions = read_predictions(tables, {*map(SampleId, rows["sample_id"].to_pylist()), *also})
    n_scored = rows["n"][0].as_py() if len(rows) else 0
    return {sample_id: predictions[sample_id] for sample_id in sorted(predictions)}, n_scored


def read_least_confident(
    tables: Tables, lane: Lane, *, without: Collection[SampleId], n: int
) -> tuple[list[Prediction], int]:
    """Return the `n` least confident newest predictions in `lane`, and how many there are in all.

    Samples in `without` do not count. Ties are in order of sample_id.
    """
    sql = f"""
        SELECT sample_id, count(*) OVER () AS n FROM {_newest("sample_id", "lane", "confidence")}
        WHERE lane = '{lane}' AND confidence IS NOT NULL
            AND sample_id NOT IN (SELECT sample_id FROM without)
        ORDER BY confidence, sample_id LIMIT {n}
    """
    rows = tables.engine.query(sql, predictions=tables.predictions, without=_listed(without))
    chosen = [SampleId(sample_id) for sample_id in rows["sample_id"].to_pylist()]
    predictions = read_predictions(tables, chosen)
    return [predictions[sample_id] for sample_id in chosen], rows["n"][0].as_py() if chosen else 0


def find_prediction(tables: Tables, prefix: str) -> Prediction:
    """Return the newest prediction of the one sample whose id begins with `prefix`.

    Raises:
        SourceError: no scored sample has such an id, or several have.
    """
    is_named = pc.starts_with(pc.field("sample_id"), pattern=prefix.lower())
    matches = newest_predictions(tables, where=is_named)
    if len(matches) != 1:
        raise SourceError(
            f"{len(matches)} scored samples have an id that begins with {prefix!r}. Give a longer prefix of "
            "one id: `goldloop gold show` and Label Studio show ids."
        )
    return codec.values_of(Prediction, matches)[0]


def predictions_under_other_policies(
    tables: Tables, *, model_version: str, policy: Policy, is_wanted: Callable[[SampleId], bool]
) -> list[Prediction]:
    """Return the newest predictions that `model_version` made and another policy than `policy` routed.

    What was let through has passed, whatever a policy says of it now.
    """
    sql = f"""
        SELECT sample_id FROM {_newest("sample_id", "model_version", "policy", "label", "let_through")}
        WHERE model_version = {_text(model_version)} AND policy <> {_text(policy.version)}
            AND label IS NOT NULL AND let_through IS NULL
    """
    found = tables.engine.query(sql, predictions=tables.predictions)["sample_id"].to_pylist()
    return list(read_predictions(tables, {one for one in map(SampleId, found) if is_wanted(one)}).values())


def save_lane_changes(tables: Tables, changes: Iterable[Prediction], *, policy: Policy, at: datetime) -> None:
    """Append predictions with what `policy` makes of them, in one commit."""
    predictions = [replace(prediction, policy=policy.version, scored_at=at) for prediction in changes]
    if predictions:
        tables.predictions.append(codec.rows_of(predictions))


def machine_labels(tables: Tables, gold: Iterable[GoldRecord]) -> dict[SampleId, str]:
    """Return what the machine took each gold sample for when it was pushed; a sample is missing without.

    In predictions from before that was kept it is the model's label.
    """
    wanted = {(record.sample_id, record.model_version) for record in gold}
    names = ["sample_id", "model_version", "label", "decided", "scored_at"]
    is_wanted = _is_one_of({sample_id for sample_id, _ in wanted}) & pc.field("label").is_valid()
    rows = tables.predictions.read(names, where=is_wanted).sort_by("scored_at")
    columns = codec.column_values(rows, "sample_id", "model_version", "label", "decided")
    return {
        SampleId(sample_id): decided or label
        for sample_id, version, label, decided in columns
        if (sample_id, version) in wanted
    }


def n_without_names(tables: Tables) -> int:
    """Return the number of rows with probs that do not name their columns."""
    with_probs = pc.field("probs").is_valid()
    return sum(
        table.read(["label_names"], where=with_probs)["label_names"].null_count
        for table in (tables.predictions, tables.planned_tasks, tables.evaluations)
    )


def _newest(*columns: str) -> str:
    """Return the SQL of `columns` of the newest prediction of each sample."""
    cells = ", ".join(f"'{column}': {column}" for column in columns)
    newest = (
        f"SELECT arg_max({{{cells}}}, scored_at) AS found FROM predictions GROUP BY md5_number(sample_id)"
    )
    return f"(SELECT unnest(found) FROM ({newest}))"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _listed(sample_ids: Collection[SampleId]) -> pa.Table:
    return pa.table({"sample_id": pa.array(sorted(sample_ids), pa.string())})


def _is_one_of(sample_ids: Collection[SampleId]) -> pc.Expression:
    return pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
