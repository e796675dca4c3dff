"""History: which earlier scoring passes a batch is compared with, and which samples a new model starts from.

A batch that drifted does not count: after a week with a broken camera, the next batch is compared with the
batches before that week. If two batches in a row drifted in the same way, the change is taken as lasting:
from then on these two and the batches after them count.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from goldloop.core.samples import SampleId
from goldloop.drift.checks import Check, check_drift
from goldloop.drift.sketches import Sketch, merged

MOST_ROUNDS = 12
"""Number of newest rounds that count; older ones are obsolete, because traffic also changes slowly."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Seen:
    """One scoring pass of one model: its sketch and its drift check."""

    batch: str
    model_version: str
    scored_at: datetime
    sketch: Sketch
    check: Check


def _counting(
    items: Iterable[Item], has_drifted: Callable[[Item], bool], are_alike: Callable[[Item, Item], bool]
) -> list[Item]:
    """Return the items, oldest first, that count by the rule at the top."""
    counting: list[Item] = []
    drifted: Item | None = None
    for item in items:
        if not has_drifted(item):
            counting.append(item)
            drifted = None
        else:
            if drifted is not None and are_alike(drifted, item):
                counting = [drifted, item]
            drifted = item
    return counting


def reference_of(seen: Sequence[Seen]) -> Sketch | None:
    """Return the merged sketch of the passes of one model, oldest first, that count; None without any."""
    counting = _counting(
        seen,
        has_drifted=lambda scoring_pass: bool(scoring_pass.check.drifts),
        are_alike=lambda before, after: not check_drift(after.sketch, before.sketch).drifts,
    )
    return merged(scoring_pass.sketch for scoring_pass in counting)


def rounds_that_count(arrived: Collection[int], drifted: Collection[int]) -> list[int]:
    """Return the rounds that a new model's traffic is compared with, oldest first, at most MOST_ROUNDS.

    `arrived` are the rounds in which samples arrived, `drifted` those with a drift alarm.
    """
    return _counting(sorted(set(arrived)), drifted.__contains__, lambda *_: True)[-MOST_ROUNDS:]


def current_samples(
    arrived_at: Mapping[SampleId, datetime],
    *,
    closed_at: Sequence[datetime],
    drifted_at: Collection[datetime],
) -> set[SampleId]:
    """Return the samples that arrived in `rounds_that_count`: the first reference of a new model.

    A new model has seen nothing, so it starts from its predictions on these samples of the holdout. With
    obsolete rounds every new model would repeat the alarm of the model before: six times in the simulated
    year of `python -m scripts.bench.year`, against none. `closed_at` are the moments at which rounds were
    closed, in ascending order, `drifted_at` the moments of drift alarms. A moment belongs to the round that
    was open then.
    """
    rounds = {sample_id: bisect.bisect_left(closed_at, moment) for sample_id, moment in arrived_at.items()}
    drifted = {bisect.bisect_left(closed_at, moment) for moment in drifted_at}
    counting = rounds_that_count(rounds.values(), drifted)
    return {sample_id for sample_id, number in rounds.items() if number in counting}
