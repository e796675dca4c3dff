"""Round records: what one weekly pass leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.training.promotion import Decision, Evaluation


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One closed round: the gold it trained on, what was decided, and the lanes the winner gave the pool.

    `evaluations` holds baseline, champion and challenger as far as they exist; `decision` is None when
    nothing could be trained, and `outcome` says why. `lanes` counts samples by lane once the round has
    scored its pool.
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
