"""Rounds: the record each weekly pass leaves, and where every file and task stands now."""

from __future__ import annotations

import json

from goldloop.core.ports import Changes, Row, Table, Tables
from goldloop.training.promotion import Decision, Evaluation
from goldloop.training.round_record import RoundRecord


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
    rounds.merge_next(lambda _: Changes([row]), key="round")


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


def current_round(tables: Tables) -> int:
    """Return the number of the open round: 0 before the first retrain, then the last closed one plus one."""
    closed = tables.rounds.read(["round"])["round"].to_pylist()
    return max(closed, default=-1) + 1
