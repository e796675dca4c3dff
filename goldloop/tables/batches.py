"""Batches: the sketches and drift checks of the batches that were scored."""

from __future__ import annotations

import pyarrow.compute as pc

from goldloop.core.ports import Table
from goldloop.drift.history import Seen, reference_of
from goldloop.drift.sketches import Sketch
from goldloop.tables import codec


def read_seen(batches: Table, model_version: str | None = None) -> list[Seen]:
    """Return the scoring passes of `model_version`, or of all models, oldest first."""
    rows = batches.read()
    if model_version is not None:
        rows = rows.filter(pc.field("model_version") == model_version)
    return codec.values_of(Seen, rows.sort_by("scored_at"))


def read_reference(batches: Table, model_version: str) -> Sketch | None:
    """Return what `model_version` saw before, as `reference_of` merges it; None before its first batch."""
    return reference_of(read_seen(batches, model_version))


def save_batch(batches: Table, seen: Seen) -> None:
    """Append what one scoring pass saw and what had moved; a pass without predictions leaves no row."""
    if seen.sketch.n:
        batches.append(codec.rows_of([seen], n=seen.sketch.n))
