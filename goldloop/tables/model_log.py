"""The model log: which models goldloop registered, and which rollbacks users made; rows are only added."""

from __future__ import annotations

from datetime import datetime

from goldloop.core.table_ports import Tables
from goldloop.tables import codec
from goldloop.tables.rounds import current_round, read_rounds
from goldloop.training.model_history import ModelChange, ModelEvent, ModelHistory, ModelId


def read_models(tables: Tables) -> ModelHistory:
    """Return the models that goldloop registered and the decisions on them."""
    events = codec.values_of(ModelEvent, tables.models.read().sort_by("seq"))
    return ModelHistory(tuple(events), tuple(read_rounds(tables.rounds)))


def save_model_event(
    tables: Tables,
    model: ModelId,
    change: ModelChange,
    *,
    at: datetime,
    mlflow_run_id: str,
    gold_digest: str | None = None,
    settings: str | None = None,
) -> None:
    """Append what happened to `model`, whose digest is known, in the open round."""
    number = current_round(tables)
    event = ModelEvent(
        model.version, str(model.digest), change, number, at, mlflow_run_id, gold_digest, settings
    )
    codec.append_values(tables.models, lambda: [event])
