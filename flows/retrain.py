"""retrain: a challenger from the newest gold, and the gate."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prefect import flow, task

from flows.publish import publish_retrain
from goldloop.cli.progress import share_done
from goldloop.consensus.outcomes import open_audit_note
from goldloop.loop.challenger import retrain as retrain_and_evaluate
from goldloop.training.round_record import RoundRecord
from goldloop.wiring import Wiring, connect


def retrain_model(parts: Wiring, notes: list[str]) -> RoundRecord | None:
    """Train, judge and decide, alone; sentences for the user are added to `notes`."""
    unsettled = open_audit_note(parts.read_outcomes().samples)
    notes += [unsettled] if unsettled else []
    with (
        parts.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-retrain-") as scratch,
        share_done("training") as advance,
    ):
        return retrain_and_evaluate(
            parts.retrain_ports(say=notes.append, advance=advance, scratch=Path(scratch))
        )


@task(name="train, judge and decide")
def retrain_model_task(workspace: str) -> tuple[RoundRecord | None, list[str]]:
    """Prefect task around `retrain_model`."""
    notes: list[str] = []
    return retrain_model(connect(workspace), notes), notes


@flow(name="retrain", validate_parameters=False)
def retrain(workspace: str) -> tuple[RoundRecord | None, list[str]]:
    """Train a challenger on the newest gold and let the gate decide; also returns notes for the user."""
    record, notes = retrain_model_task(workspace)
    publish_retrain(workspace, record, notes)
    return record, notes
