"""Batches: the sketches and drift checks of the batches that were scored."""

from __future__ import annotations

from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.ports import Table
from goldloop.drift.checks import Check
from goldloop.drift.history import Seen, reference_of
from goldloop.drift.sketches import Sketch


def read_seen(batches: Table, model_version: str | None = None) -> list[Seen]:
    """Return the scoring passes of `model_version`, or of all models, oldest first."""
    rows = batches.read()
    if model_version is not None:
        rows = rows.filter(pc.field("model_version") == model_version)
    return [
        Seen(
            row["batch"],
            row["model_version"],
            row["scored_at"],
            Sketch.from_json(row["sketch"]),
            Check.from_json(row["drifts"]),
        )
        for row in rows.sort_by("scored_at").to_pylist()
    ]


def read_reference(batches: Table, model_version: str) -> Sketch | None:
    """Return what `model_version` saw before, as `reference_of` merges it; None before its first batch."""
    return reference_of(read_seen(batches, model_version))


def save_batch(
    batches: Table, *, batch: str, model_version: str, scored_at: datetime, sketch: Sketch, check: Check
) -> None:
    """Append what one scoring pass saw and what had moved; a pass without predictions leaves no row."""
    if sketch.n == 0:
        return
    batches.append(
        [
            {
                "batch": batch,
                "model_version": model_version,
                "scored_at": scored_at,
                "n": sketch.n,
                "sketch": sketch.to_json(),
                "drifts": check.to_json(),
            }
        ]
    )
