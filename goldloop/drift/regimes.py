"""Regimes: which traffic looks like that to come, and may serve a new model for comparison.

A model is compared with what it saw itself, but a new one has seen nothing. It is shown the holdout, a random
draw of all traffic; of that, only what arrived in rounds that no lasting change has made obsolete. Otherwise
every new model would raise the alarm over what the one before it had already reported: six times in the
simulated year of `scripts/bench/year`, where this leaves none.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection

import pyarrow.compute as pc

from goldloop.core.ports import Tables
from goldloop.core.samples import Arrived, SampleId
from goldloop.tables.batches import read_seen

MOST_ROUNDS = 12
"""Newest rounds that count: a slow change that nobody has to hear of every week makes older ones obsolete."""


def rounds_that_count(arrived: Collection[int], drifted: Collection[int]) -> list[int]:
    """Return the rounds with which a new model's traffic is compared, oldest first.

    Of the rounds in which something `arrived`, those in `drifted` raised an alarm. One by itself does not
    count: after a week with a broken camera comes what came before it. Two in a row say that the change is
    here to stay: then they count with what follows, and nothing before them.
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


def current_samples(tables: Tables) -> set[SampleId]:
    """Return the samples that arrived in rounds that count."""
    closed = sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist())
    rows = tables.samples.read(["sample_id", "arrived", "arrived_at"])
    rows = rows.filter(pc.field("arrived") == str(Arrived.SAMPLE))
    rounds = [bisect.bisect_left(closed, moment) for moment in rows["arrived_at"].to_pylist()]
    drifted = {
        bisect.bisect_left(closed, one.scored_at) for one in read_seen(tables.batches) if one.check.drifts
    }
    counting = set(rounds_that_count(rounds, drifted))
    ids = rows["sample_id"].to_pylist()
    return {SampleId(one) for one, number in zip(ids, rounds, strict=True) if number in counting}
