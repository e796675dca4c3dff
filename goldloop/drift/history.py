"""History: what models saw in earlier batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.drift.checks import Check, check_drift
from goldloop.drift.sketches import Sketch, merged


@dataclass(frozen=True, slots=True)
class Seen:
    """One scoring pass of one model: what it saw, and what had moved."""

    batch: str
    model_version: str
    scored_at: datetime
    sketch: Sketch
    check: Check


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
