"""retrain: a challenger from the newest gold, and the gate."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_retrain, with_plots
from flows.steps import as_task
from goldloop.loop.retrain import retrain as train_and_decide
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import open_workspace


@flow(name="retrain", validate_parameters=False)
def retrain(workspace: str) -> tuple[RoundRecord | None, list[str]]:
    """Train a challenger on the newest gold and let the gate decide; also returns notes for the user."""
    ports, notes = with_plots(open_workspace(workspace).ports), list[str]()
    record = as_task("train, evaluate and decide", lambda: train_and_decide(ports, notes))
    publish_retrain(workspace, record, notes)
    return record, notes
