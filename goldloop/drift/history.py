"""History: what a model's earlier batches looked like, and which of them a new one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from goldloop.drift.checks import Check, check_drift
from goldloop.drift.sketches import Sketch, merged
from goldloop.ports import Table


@dataclass(frozen=True, slots=True)
class Seen:
    """One scoring pass of one model: what it saw, and what had moved."""

    batch: str
    model_version: str
    scored_at: datetime
    sketch: Sketch
    check: Check


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


def reference_of(seen: Sequence[Seen]) -> Sketch | None:
    """Return the merged sketch of those passes of one model, oldest first, that count; None of none.

    A batch that drifted does not count: what comes after a broken camera is compared with what came before
    it. If the next one drifted as well and is like it, the change is here to stay: from then on these two,
    and what follows, are what counts.
    """
    counted: list[Sketch] = []
    drifted: Sketch | None = None
    for one in seen:
        if not one.check.drifts:
            counted.append(one.sketch)
            drifted = None
        elif drifted is not None and not check_drift(one.sketch, drifted).drifts:
            counted = [drifted, one.sketch]
            drifted = None
        else:
            drifted = one.sketch
    return merged(counted)


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
