"""Parts of a pass: what each shard of a batch saw, until it is summed up and compared with earlier passes.

A part is a row of the table `batches` without a check. The row of a pass names the parts that it sums up, so
that one commit settles which are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.table_ports import Row, Table
from goldloop.drift.checks import Check, check_drift
from goldloop.drift.history import Seen
from goldloop.drift.sketches import Sketch, merged
from goldloop.tables import codec
from goldloop.tables.batches import read_reference


@dataclass(frozen=True, slots=True)
class PassPart:
    """What one shard saw of a batch; `part` names it: "2/4", a space, and an id. No sketch: nothing new."""

    batch: str
    model_version: str
    scored_at: datetime
    sketch: Sketch | None
    part: str

    @property
    def shard(self) -> str:
        """The shard, such as "2/4"."""
        return self.part.partition(" ")[0]


def save_part(batches: Table, part: PassPart) -> None:
    """Record what a shard saw."""
    batches.append(codec.rows_of([part], n=part.sketch.n if part.sketch else 0))


def read_parts(batches: Table, batch: str, model_version: str) -> list[PassPart]:
    """Return the parts that no pass has summed up, oldest first."""
    is_ours = (pc.field("batch") == batch) & (pc.field("model_version") == model_version)
    rows = batches.read(where=is_ours)
    passes = rows.filter(pc.is_valid(rows["check"]))
    done = {part for parts in passes["parts"].to_pylist() if parts for part in json.loads(parts)}
    parts = rows.filter(pc.is_null(rows["check"])).sort_by("scored_at")
    return [part for part in codec.values_of(PassPart, parts) if part.part not in done]


def sum_up(
    batches: Table, batch: str, model_version: str, sketch: Sketch | None, *, at: datetime
) -> Check | None:
    """Save a pass of `sketch` and the parts of its batch; return what changed since earlier passes.

    None where nothing was seen; then nothing is saved. Each part is summed up once, whoever does it.
    """
    check: Check | None = None

    def make_rows(_: int) -> list[Row]:
        nonlocal check
        parts = read_parts(batches, batch, model_version)
        total = merged(one for one in (sketch, *(part.sketch for part in parts)) if one is not None)
        check = None
        if total is None or not total.n:
            return []
        check = check_drift(total, read_reference(batches, model_version))
        named = json.dumps([part.part for part in parts]) if parts else None
        return codec.rows_of([Seen(batch, model_version, at, total, check)], n=total.n, parts=named)

    batches.append_once(make_rows)
    return check
