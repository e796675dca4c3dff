"""Regimes: which samples of the holdout a new model's first drift reference is built from.

A model is compared with what the same model saw before, and a new model has seen nothing. Its first reference
is the holdout, a random draw of all traffic, without the rounds that a permanent change has made obsolete.
With them, every new model would repeat the alarm of the model before: six times in the simulated year of
`python -m scripts.bench.year`, against none.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from goldloop.core.samples import SampleId

MOST_ROUNDS = 12
"""Number of newest rounds that count; older ones are obsolete, because traffic also changes slowly."""


def rounds_that_count(arrived: Collection[int], drifted: Collection[int]) -> list[int]:
    """Return the rounds that a new model's traffic is compared with, oldest first, at most MOST_ROUNDS.

    `arrived` are the rounds in which samples arrived, `drifted` those with a drift alarm. A single round with
    an alarm does not count (a broken camera). Two in a row mark a permanent change: they and the rounds after
    them count, the rounds before them do not.
    """
    rounds = sorted(set(arrived))
    is_odd = [number in set(drifted) for number in rounds]
    pairs = [place for place in range(len(rounds) - 1) if is_odd[place] and is_odd[place + 1]]
    since = pairs[-1] if pairs else 0
    counting = [
        number
        for place, number in enumerate(rounds)
        if place >= since and (not is_odd[place] or (pairs and place <= since + 1))
    ]
    return counting[-MOST_ROUNDS:]


def current_samples(
    arrived_at: Mapping[SampleId, datetime],
    *,
    closed_at: Sequence[datetime],
    drifted_at: Collection[datetime],
) -> set[SampleId]:
    """Return the samples that arrived in `rounds_that_count`.

    `closed_at` are the moments at which rounds were closed, in ascending order, `drifted_at` the moments of
    drift alarms. A moment belongs to the round that was open then.
    """
    rounds = {sample_id: bisect.bisect_left(closed_at, moment) for sample_id, moment in arrived_at.items()}
    drifted = {bisect.bisect_left(closed_at, moment) for moment in drifted_at}
    counting = set(rounds_that_count(rounds.values(), drifted))
    return {sample_id for sample_id, number in rounds.items() if number in counting}
