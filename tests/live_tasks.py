"""Planned tasks of every kind beside a champion, in tables in memory, for tests of live suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from goldloop.adapters.memory import memory_tables
from goldloop.core.chance import Arm
from goldloop.core.lanes import Lane
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.predictions import Prediction
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import NewTask, Purpose, task_key
from goldloop.loop.live_suggestions import LiveSuggestions
from goldloop.tables import codec
from goldloop.tables.model_log import save_model_event
from goldloop.tables.task_log import TaskLog
from goldloop.training.model_history import ModelChange, ModelId

AT = datetime(2026, 3, 2, tzinfo=UTC)
HINT = "Model suggests: cat 58% (dog 30%)"


def sample(number: int) -> SampleId:
    """Return the id of a sample."""
    return SampleId(f"{number:064x}")


@dataclass
class LiveTasks:
    """A workspace in memory in which models score samples and tasks are planned."""

    tables: Tables = field(default_factory=memory_tables)

    @property
    def live(self) -> LiveSuggestions:
        """What suggests."""
        return LiveSuggestions(self.tables)

    def crown(self, model: str) -> None:
        """Make a model champion, as the user does by a rollback."""
        moved = ModelId(model, f"digest of {model}")
        save_model_event(self.tables, moved, ModelChange.ROLLBACK, at=AT, mlflow_run_id="")

    def score(self, model: str, labels: dict[int, str], *, confidence: float) -> None:
        """Record what a model says of samples, one second after what the model before it said."""
        at = AT.replace(second=int(model))
        predictions = [
            Prediction(
                sample(number),
                BatchId("b1"),
                model,
                "band",
                Lane.REVIEW,
                at,
                label=label,
                confidence=confidence,
            )
            for number, label in labels.items()
        ]
        self.tables.predictions.append(codec.rows_of(predictions))

    def plan(
        self, model: str, numbers: Sequence[int], *, purpose: Purpose = Purpose.REVIEW, is_shown: bool = True
    ) -> list[NewTask]:
        """Plan tasks for which `model` suggests "cat", and return them as they are pushed."""
        arm = None if purpose is not Purpose.REVIEW else Arm.SHOWN if is_shown else Arm.HIDDEN
        plans = [
            PlannedTask(
                key=task_key(sample(number), purpose),
                round=0,
                position=place,
                planned_at=AT,
                batch=BatchId("b1"),
                lane="review",
                stratum="b1/review",
                split=Split.TRAIN,
                group="g",
                model_version=model,
                suggested_label="cat",
                suggested_score=0.58,
                hint=HINT,
                is_shown=is_shown,
                arm=arm,
            )
            for place, number in enumerate(numbers)
        ]
        log = TaskLog(self.tables, "test")
        log.plan(lambda: plans)
        log.record(Event.PUSHED, {plan.key: n for n, plan in enumerate(plans)}, log.statuses())
        return [
            NewTask(plan.sample_id, purpose, plan.batch, f"ab/{plan.sample_id}.png", plan.shown_suggestion)
            for plan in plans
        ]

    def lose(self, key: str) -> None:
        """Record that a task is gone."""
        log = TaskLog(self.tables, "test")
        log.record(Event.GONE, {key: None}, log.statuses())
