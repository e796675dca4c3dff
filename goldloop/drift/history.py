"""History: the earlier scoring passes of a model, and which of them a new batch is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.drift.checks import Check, check_drift
from goldloop.drift.sketches import Sketch, merged


@dataclass(frozen=True, slots=True)
class Seen:
    """One scoring pass of one model: its sketch and its drift check."""

    batch: str
    model_version: str
    scored_at: datetime
    sketch: Sketch
    check: Check


def reference_of(seen: Sequence[Seen]) -> Sketch | None:
    """Return the merged sketch of the passes of one model, oldest first, that count; None if there are none.

    A batch that drifted does not count: after a week with a broken camera, the next batch is compared with
    the batches before that week. If two batches in a row drifted and do not differ from each other, the
    change is taken as permanent: from then on these two and the batches after them count.
    """
    counted: list[Sketch] = []
    drifted: Sketch | None = None
    for scoring_pass in seen:
        sketch = scoring_pass.sketch
        if not scoring_pass.check.drifts:
            counted.append(sketch)
            drifted = None
        elif drifted is not None and not check_drift(sketch, drifted).drifts:
            counted = [drifted, sketch]
            drifted = None
        else:
            drifted = sketch
    return merged(counted)
