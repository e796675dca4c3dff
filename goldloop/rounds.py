"""Rounds: the record each weekly pass leaves, and where every file and task stands now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.backlog import newest_predictions
from goldloop.ledger import Event, Ledger
from goldloop.ports import Row, Table, Tables
from goldloop.promotion import Decision, Evaluation
from goldloop.pulling import Status
from goldloop.routing.lanes import Lane
from goldloop.samples import Arrived
from goldloop.tasks import Purpose


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One closed round: the gold it trained on, what was decided, and the lanes the winner gave the backlog.

    `evaluations` holds baseline, champion and challenger as far as they exist; `decision` is None when
    nothing could be trained, and `outcome` says why. `lanes` counts samples by lane once the round has
    scored its backlog.
    """

    round: int
    closed_at: datetime
    gold_version: int
    gold_digest: str
    n_gold: int
    n_annotations: int
    model_version: str | None
    outcome: str
    decision: Decision | None
    evaluations: Mapping[str, Evaluation]
    mlflow_run_id: str | None
    lanes: Mapping[str, int]


def save_round(rounds: Table, record: RoundRecord) -> None:
    """Put the record in the rounds table, in place of an earlier one of the same round."""
    decision = None if record.decision is None else record.decision.to_dict()
    evaluations = {role: one.to_dict() for role, one in record.evaluations.items()}
    row: Row = {
        "round": record.round,
        "closed_at": record.closed_at,
        "gold_version": record.gold_version,
        "gold_digest": record.gold_digest,
        "n_gold": record.n_gold,
        "n_annotations": record.n_annotations,
        "model_version": record.model_version,
        "outcome": record.outcome,
        "mlflow_run_id": record.mlflow_run_id,
        "decision": None if decision is None else json.dumps(decision, ensure_ascii=False),
        "evaluations": json.dumps(evaluations, ensure_ascii=False),
        "lanes": json.dumps(dict(record.lanes)),
    }
    rounds.merge_next(lambda _: ([row], [], {}), key="round")


def read_rounds(rounds: Table) -> list[RoundRecord]:
    """Return all closed rounds, oldest first."""
    return [
        RoundRecord(
            round=row["round"],
            closed_at=row["closed_at"],
            gold_version=row["gold_version"],
            gold_digest=row["gold_digest"],
            n_gold=row["n_gold"],
            n_annotations=row["n_annotations"],
            model_version=row["model_version"],
            outcome=row["outcome"],
            mlflow_run_id=row["mlflow_run_id"],
            decision=None if row["decision"] is None else Decision.from_dict(json.loads(row["decision"])),
            evaluations={k: Evaluation.from_dict(v) for k, v in json.loads(row["evaluations"]).items()},
            lanes=json.loads(row["lanes"]),
        )
        for row in rounds.read().sort_by("round").to_pylist()
    ]


@dataclass(frozen=True, slots=True)
class Conservation:
    """Where every file that arrived is now; each file counts in exactly one place."""

    n_files: int
    auto: int
    review: int
    deep: int
    hold: int
    quarantine: int
    duplicate: int
    reasons: Mapping[str, int]

    @property
    def n_missing(self) -> int:
        """Files in no place: samples whose scoring was cut short; `goldloop score` scores them."""
        in_lanes = self.auto + self.review + self.deep + self.hold
        return self.n_files - in_lanes - self.quarantine - self.duplicate

    @property
    def is_conserved(self) -> bool:
        """Whether the sum adds up."""
        return self.n_missing == 0

    def __str__(self) -> str:
        """Return the sum, and when it does not add up what to do."""
        parts = f"auto {self.auto} + review {self.review}"
        parts += f" + deep {self.deep}" if self.deep else ""
        parts += f" + hold {self.hold}"
        parts += f" + quarantine {self.quarantine} + duplicate {self.duplicate}"
        if self.is_conserved:
            return f"{parts} = {self.n_files} files"
        return (
            f"{parts} = {self.n_files - self.n_missing} of {self.n_files} files: "
            f"{self.n_missing} not scored yet, run 'goldloop score'"
        )


def conservation(tables: Tables) -> Conservation:
    """Return where every file is now; a file tried again counts once, by what became of it last."""
    rows = tables.samples.read(["batch", "uri", "stamp", "sample_id", "arrived", "reason", "arrived_at"])
    rows = rows.sort_by("arrived_at").append_column("row", pa.array(range(len(rows)), pa.int64()))
    last = rows.group_by(["batch", "uri", "stamp"]).aggregate([("row", "max")])["row_max"]
    rows = rows.take(last)
    arrived = Counter(rows["arrived"].to_pylist())
    reasons = Counter(one for one in rows["reason"].to_pylist() if one is not None)
    samples = rows.filter(pc.field("arrived") == str(Arrived.SAMPLE)).select(["sample_id"])
    lanes = Counter(
        samples.join(newest_predictions(tables), "sample_id", join_type="inner")["lane"].to_pylist()
    )
    return Conservation(
        n_files=len(rows),
        auto=lanes[Lane.AUTO],
        review=lanes[Lane.REVIEW],
        deep=lanes[Lane.DEEP],
        hold=lanes[Lane.HOLD],
        quarantine=arrived[Arrived.QUARANTINE],
        duplicate=arrived[Arrived.DUPLICATE],
        reasons=dict(sorted(reasons.items())),
    )


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Where the tasks are: not pushed yet, waiting for people, answered; and the pushed ones by purpose.

    Onboarding tasks wait for whoever comes and are in neither of these.
    """

    planned: int
    waiting: int
    answered: int
    purposes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnnotationCounts:
    """What people did, counted in annotations."""

    answers: int
    skips: int
    invalid: int
    retracted: int
    annotators: int


def task_counts(tables: Tables) -> TaskCounts:
    """Return where the live tasks are."""
    live = [one for one in Ledger(tables.tasks).statuses().values() if one.is_live]
    rows = tables.annotations.read(["key", "status"])
    answered = set(rows.filter(pc.field("status") == str(Status.ANSWER))["key"].to_pylist())
    pushed = [one for one in live if one.event is Event.PUSHED]
    asked = [one for one in pushed if one.purpose is not Purpose.ONBOARDING]
    n_answered = sum(one.key in answered for one in asked)
    purposes = Counter(str(one.purpose) for one in pushed)
    return TaskCounts(
        len(live) - len(pushed), len(asked) - n_answered, n_answered, dict(sorted(purposes.items()))
    )


def annotation_counts(tables: Tables) -> AnnotationCounts:
    """Return what people did so far; retracted annotations are counted apart."""
    rows = tables.annotations.read(["annotator", "status"])
    statuses = Counter(rows["status"].to_pylist())
    return AnnotationCounts(
        answers=statuses[Status.ANSWER],
        skips=statuses[Status.SKIP],
        invalid=statuses[Status.INVALID],
        retracted=statuses[Status.RETRACTED],
        annotators=len(set(rows["annotator"].to_pylist())),
    )


def as_json(value: Any) -> dict[str, Any]:
    """Return a dataclass of this module as JSON knows it."""
    return dict(asdict(value))
