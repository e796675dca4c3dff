"""History: the sketches of earlier batches, of which those that count make the reference."""

from __future__ import annotations

from datetime import datetime

from goldloop.drift.checks import Check
from goldloop.drift.sketches import Sketch
from goldloop.ports import Table


def read_reference(batches: Table, model_version: str) -> Sketch | None:
    """Return what `model_version` saw in its newest batches that count, merged; None before its first."""
    raise NotImplementedError


def save_batch(
    batches: Table, *, batch: str, model_version: str, scored_at: datetime, sketch: Sketch, check: Check
) -> None:
    """Append what one scoring pass saw, and what moved; a pass without predictions leaves no row."""
    raise NotImplementedError
