"""Round records: what is stored about one weekly pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.training.promotion import Decision, Evaluation


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One closed round: the gold version, the decision of the gate, and the lanes of the pool after it.

    `evaluations` holds baseline, champion and challenger, as far as they exist. `decision` is None when
    nothing could be trained; `outcome` then gives the reason. `lanes` counts samples by lane once the round
    has scored its pool.
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

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger became champion."""
        return self.decision is not None and self.decision.is_promoted
