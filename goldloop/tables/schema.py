"""The columns of every table goldloop keeps; tables themselves live behind `goldloop.adapters.delta`."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from goldloop.core.annotations import StoredAnnotation
from goldloop.core.imported_labels import ImportedLabel
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Prediction
from goldloop.core.reported_outcomes import ReportedOutcome
from goldloop.core.table_ports import Row
from goldloop.core.tasks import AnswerRequest
from goldloop.gold.records import GoldRecord
from goldloop.routing.policies import PolicyEntry
from goldloop.tables.appeals import Appeal
from goldloop.tables.codec import MOMENT, columns_of
from goldloop.tables.hints import Hint
from goldloop.tables.left_out import LeftOut
from goldloop.tables.named_versions import Export
from goldloop.tables.server_checks import ServerCheck
from goldloop.tables.task_log import TaskEvent
from goldloop.training.label_errors import LabelIssue
from goldloop.training.model_history import ModelEvent
from goldloop.training.promotion import RoundRecord

_TEXT = pa.string()

ALL = {
    # one row per file that arrived; key (batch, uri, sample_id); append only
    "samples": pa.schema(
        {
            "sample_id": _TEXT,
            "batch": _TEXT,
            "uri": _TEXT,
            "stamp": _TEXT,
            "size": pa.int64(),
            "arrived": _TEXT,
            "reason": _TEXT,
            "detail": _TEXT,
            "fingerprint": _TEXT,
            "metadata": _TEXT,
            "arrived_at": MOMENT,
            "entity": _TEXT,
            "stake": pa.float64(),
        }
    ),
    # what one model said of one sample; append only, the newest row of a sample is its present one
    "predictions": columns_of(Prediction),
    # planned tasks; append only, ordered by seq, position
    "planned_tasks": columns_of(PlannedTask, seq=pa.int64()),
    # what happened to a planned task: claimed, pushed, gone; append only, ordered by seq
    "task_events": columns_of(TaskEvent, seq=pa.int64()),
    # how many people in all shall answer a task: wanted, then told to the server; append only, by seq; only
    # the told event has a task_id, only the wanted event a reason and a round
    "answer_requests": columns_of(AnswerRequest, seq=pa.int64(), event=_TEXT, task_id=pa.int64()),
    # one person's answer as last seen; key (key, task_id, annotation_id, created_at); merged by pull
    "annotations": columns_of(StoredAnnotation),
    # the present label of a sample and its provenance; every commit with a digest is a gold version
    "gold": columns_of(GoldRecord),
    # a gold label that a search found doubtful; append only, the newest found_at is the present list; rank 0
    # is the search itself
    "label_errors": columns_of(LabelIssue, found_at=MOMENT, gold_version=pa.int64()),
    # one weekly pass: what went in, came out and was decided; key round
    "rounds": columns_of(RoundRecord),
    # which policy is in force, and why; append only, the newest row of a model is its present one
    "policies": columns_of(PolicyEntry, seq=pa.int64(), version=_TEXT),
    # the output of a model for a holdout sample; append only, the newest evaluated_at counts
    "evaluations": pa.schema(
        {
            "sample_id": _TEXT,
            "model_version": _TEXT,
            "gold_version": pa.int64(),
            "probs": pa.list_(pa.float32()),
            "evaluated_at": MOMENT,
            "label_names": _TEXT,
            "stake": pa.float64(),
        }
    ),
    # what one scoring pass of one model saw, summed up, and how it differs from before; append only. A row
    # without a check is what a shard, its `part`, saw of a pass; the pass names its `parts`, as JSON
    "batches": pa.schema(
        {
            "batch": _TEXT,
            "model_version": _TEXT,
            "scored_at": MOMENT,
            "n": pa.int64(),
            "sketch": _TEXT,
            "check": _TEXT,
            "part": _TEXT,
            "parts": _TEXT,
        }
    ),
    # one full comparison with the labelling server; append only, the newest counts
    "server_checks": columns_of(ServerCheck, seq=pa.int64()),
    # a model that was registered, or made champion by a rollback; append only, ordered by seq
    "models": columns_of(ModelEvent, seq=pa.int64()),
    # a sample that the user knows to have a label, or that a later row forgets; append only, ordered by seq
    "hints": columns_of(Hint, seq=pa.int64()),
    # a sample that the user left out of training, or put back; append only, ordered by seq
    "left_out": columns_of(LeftOut, seq=pa.int64()),
    # an author's objection to the label of a sample; append only, ordered by seq
    "appeals": columns_of(Appeal, seq=pa.int64()),
    # what became of a sample later, as a file told; append only, by seq and position; the newest row of a
    # digest counts: a row is written again when its sample has arrived
    "outcomes": columns_of(ReportedOutcome, seq=pa.int64()),
    # a label of a sample that a file said; append only, by seq and position; the newest import decides
    "imported_labels": columns_of(ImportedLabel, seq=pa.int64()),
    # an export of a gold version, which stays because of it; append only, ordered by seq
    "exports": columns_of(Export, seq=pa.int64()),
}
"""Columns of each table, by the names of `goldloop.core.table_ports.Tables`."""

VERSIONED = frozenset({"gold"})
"""Tables of which named versions stay readable for good."""


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
    return pa.Table.from_pylist(rows, columns)
