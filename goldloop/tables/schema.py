"""The columns of every table goldloop keeps; tables themselves live behind `goldloop.adapters.delta`."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from goldloop.core.ports import Row

_MOMENT = pa.timestamp("us", tz="UTC")
_TEXT = pa.string()

SAMPLES = pa.schema(
    [
        # one row per file that arrived; key (batch, uri, sample_id); append only
        ("sample_id", _TEXT),
        ("batch", _TEXT),
        ("uri", _TEXT),
        ("stamp", _TEXT),
        ("size", pa.int64()),
        ("arrived", _TEXT),
        ("reason", _TEXT),
        ("detail", _TEXT),
        ("fingerprint", _TEXT),
        ("metadata", _TEXT),
        ("arrived_at", _MOMENT),
    ]
)

PREDICTIONS = pa.schema(
    [
        # what one model said of one sample; append only, the newest row of a sample is its present one
        ("sample_id", _TEXT),
        ("batch", _TEXT),
        ("model_version", _TEXT),
        ("policy", _TEXT),
        ("lane", _TEXT),
        ("label", _TEXT),
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("probs", pa.list_(pa.float32())),
        ("scored_at", _MOMENT),
        # with which probability chance reserves the sample for the audit; fixed by its first prediction
        ("audit_probability", pa.float64()),
    ]
)

POLICIES = pa.schema(
    [
        # which policy is in force, and why; append only, the newest row of a model is its present one
        ("seq", pa.int64()),
        ("version", _TEXT),
        ("policy", _TEXT),
        ("model_version", _TEXT),
        ("gold_version", pa.int64()),
        ("reasons", pa.list_(_TEXT)),
        ("warnings", pa.list_(_TEXT)),
        ("settled_at", _MOMENT),
    ]
)

EVALUATIONS = pa.schema(
    [
        # the output of a model for a holdout sample; append only, the newest evaluated_at counts
        ("sample_id", _TEXT),
        ("model_version", _TEXT),
        ("gold_version", pa.int64()),
        ("probs", pa.list_(pa.float32())),
        ("evaluated_at", _MOMENT),
    ]
)

BATCHES = pa.schema(
    [
        # what one scoring pass of one model saw, summed up, and how it differs from before; append only
        ("batch", _TEXT),
        ("model_version", _TEXT),
        ("scored_at", _MOMENT),
        ("n", pa.int64()),
        ("sketch", _TEXT),
        ("check", _TEXT),
    ]
)

PLANNED_TASKS = pa.schema(
    [
        # planned tasks (core.planned_tasks.PlannedTask); append only, ordered by seq, position
        ("key", _TEXT),
        ("seq", pa.int64()),
        ("round", pa.int64()),
        ("position", pa.int64()),
        ("planned_at", _MOMENT),
        ("batch", _TEXT),
        ("lane", _TEXT),
        ("stratum", _TEXT),
        ("split", _TEXT),
        ("group", _TEXT),
        ("fingerprint", _TEXT),
        ("inclusion_probability", pa.float64()),
        ("policy", _TEXT),
        ("model_version", _TEXT),
        ("suggested_label", _TEXT),
        ("suggested_score", pa.float64()),
        ("hint", _TEXT),
        ("is_shown", pa.bool_()),
        ("arm", _TEXT),
        ("probs", pa.list_(pa.float32())),
        ("answers", _TEXT),
        ("barred", pa.list_(_TEXT)),
        ("detail", _TEXT),
    ]
)

TASK_EVENTS = pa.schema(
    [
        # what happened to a planned task: claimed, pushed, gone; append only, ordered by seq; plan_seq is the
        # seq of the plan that the event is about
        ("key", _TEXT),
        ("plan_seq", pa.int64()),
        ("seq", pa.int64()),
        ("event", _TEXT),
        ("at", _MOMENT),
        ("owner", _TEXT),
        ("task_id", pa.int64()),
        ("detail", _TEXT),
    ]
)

ANSWER_REQUESTS = pa.schema(
    [
        # how many people in all shall answer a task: wanted, then told to the server; append only, by seq
        ("key", _TEXT),
        ("seq", pa.int64()),
        ("event", _TEXT),
        ("n_answers", pa.int64()),
        ("reason", _TEXT),
        ("round", pa.int64()),
        ("at", _MOMENT),
        # filled by the told event, null in the others
        ("task_id", pa.int64()),
    ]
)

ANNOTATIONS = pa.schema(
    [
        # one person's answer as last seen; key annotation_id; merged by pull
        ("annotation_id", pa.int64()),
        ("task_id", pa.int64()),
        ("key", _TEXT),
        ("annotator", _TEXT),
        ("status", _TEXT),
        ("label", _TEXT),
        ("problem", _TEXT),
        ("reason", _TEXT),
        ("lead_time_s", pa.float64()),
        ("created_at", _MOMENT),
        ("updated_at", _MOMENT),
        ("task_updated_at", _MOMENT),
        ("shown_label", _TEXT),
        ("shown_score", pa.float64()),
        ("shown_model_version", _TEXT),
    ]
)

GOLD = pa.schema(
    [
        # the present label of a sample and its provenance; every commit with a digest is a gold version
        ("sample_id", _TEXT),
        ("label", _TEXT),
        ("split", _TEXT),
        ("group", _TEXT),
        ("purpose", _TEXT),
        ("method", _TEXT),
        ("support", pa.int64()),
        ("n_votes", pa.int64()),
        ("votes", _TEXT),
        ("posterior", _TEXT),
        ("batch", _TEXT),
        ("lane", _TEXT),
        ("policy", _TEXT),
        ("inclusion_probability", pa.float64()),
        ("model_version", _TEXT),
        ("suggested_label", _TEXT),
        ("annotators", pa.list_(_TEXT)),
        ("annotation_ids", pa.list_(pa.int64())),
        ("labelled_at", _MOMENT),
    ]
)

LABEL_ERRORS = pa.schema(
    [
        # a gold label that a search found doubtful; append only, the newest found_at is the present list;
        # rank 0 is the search itself
        ("found_at", _MOMENT),
        ("gold_version", pa.int64()),
        ("rank", pa.int64()),
        ("sample_id", _TEXT),
        ("label", _TEXT),
        ("suggested_label", _TEXT),
        ("self_confidence", pa.float64()),
    ]
)

ROUNDS = pa.schema(
    [
        # one weekly pass: what went in, came out and was decided; key round
        ("round", pa.int64()),
        ("closed_at", _MOMENT),
        ("gold_version", pa.int64()),
        ("gold_digest", _TEXT),
        ("n_gold", pa.int64()),
        ("n_annotations", pa.int64()),
        ("model_version", _TEXT),
        ("outcome", _TEXT),
        ("decision", _TEXT),
        ("evaluations", _TEXT),
        ("lanes", _TEXT),
        ("mlflow_run_id", _TEXT),
    ]
)

ALL = {
    "samples": SAMPLES,
    "predictions": PREDICTIONS,
    "planned_tasks": PLANNED_TASKS,
    "task_events": TASK_EVENTS,
    "answer_requests": ANSWER_REQUESTS,
    "annotations": ANNOTATIONS,
    "gold": GOLD,
    "label_errors": LABEL_ERRORS,
    "rounds": ROUNDS,
    "policies": POLICIES,
    "evaluations": EVALUATIONS,
    "batches": BATCHES,
}
"""Columns of each table, by the names of `goldloop.core.ports.Tables`."""


def as_table(name: str, rows: Sequence[Row]) -> pa.Table:
    """Return `rows` as Arrow rows of the table `name`; a missing value becomes null.

    Raises:
        ValueError: a row has a column that the table does not have.
    """
    columns = ALL[name]
    known = set(columns.names)
    for row in rows:
        if not known.issuperset(row):
            raise ValueError(f"table {name!r} has no column {sorted(set(row) - known)}")
    return pa.Table.from_pylist(
        [{column: row.get(column) for column in columns.names} for row in rows], columns
    )
