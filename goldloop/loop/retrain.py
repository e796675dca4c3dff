"""Retrain: a challenger from the newest gold, and the gate."""

from __future__ import annotations

import tempfile
from pathlib import Path

from goldloop.consensus.outcomes import open_audit_note
from goldloop.core.errors import EmptyPoolError
from goldloop.labeling.state import read_state
from goldloop.loop.challenger import RetrainPorts
from goldloop.loop.challenger import retrain as train_and_decide
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import GoldStore
from goldloop.training.promotion import RoundRecord


def retrain(ports: LoopPorts, notes: list[str]) -> RoundRecord | None:
    """Train, evaluate and decide, alone; sentences for the user are added to `notes`.

    Raises:
        EmptyPoolError: too little gold to train or to evaluate.
        BusyError: another retrain is at work.
    """
    with (
        ports.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-retrain-") as scratch,
        ports.progress.share_done("training") as advance,
    ):
        unsettled = open_audit_note(read_state(ports.tables, ports.settings).outcomes.samples)
        notes += [unsettled] if unsettled else []
        return train_and_decide(
            RetrainPorts(
                tables=ports.tables,
                gold=GoldStore(ports.tables.gold),
                gold_uri=ports.gold_uri,
                store=ports.modality.store,
                trainer=ports.open_trainer(),
                registry=ports.open_registry(),
                runs=ports.open_runs(),
                settings=ports.settings,
                scratch=Path(scratch),
                plots=ports.plots,
                clock=ports.clock,
                notify=notes.append,
                advance=advance,
            )
        )


def retrain_if_possible(ports: LoopPorts) -> tuple[RoundRecord | None, list[str]]:
    """Retrain; too little gold, or none that is new, is a normal result of a round and told in the notes."""
    notes: list[str] = []
    try:
        record = retrain(ports, notes)
    except EmptyPoolError as error:
        return None, [f"no retrain: {error}"]
    return record, notes if record else [*notes, "no retrain: no new gold since the last one"]
