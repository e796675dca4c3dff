"""The let-through group of a workspace: who draws it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldloop.audit.let_through import LetThrough
from goldloop.labeling.context import LoopState
from goldloop.loop.maturity import Maturity, sample_times
from goldloop.loop.ports import LoopPorts
from goldloop.stats.delays import DAY_S
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import share_estimate
from goldloop.tables.batches import read_median_stake
from goldloop.tables.predictions import read_let_through


@dataclass(frozen=True, slots=True)
class LetThroughReport:
    """Of `n` samples that were let through, `n_mature` are mature.

    `wrong` estimates which share of what the policy stops or reviews has another label than the first, each
    sample weighing 1 / its probability.
    """

    n: int
    n_mature: int
    wrong: Measure


def let_through_of(ports: LoopPorts) -> LetThrough | None:
    """Return the draw of the let-through group; None where it is off, or no stake is known yet.

    The typical stake is the median of all samples before.
    """
    settings = ports.settings
    rate = settings.records.let_through if settings.records else 0.0
    typical = read_median_stake(ports.tables) if rate else None
    return None if not typical else LetThrough(rate, typical, settings.selection.seed)


def read_let_through_report(
    ports: LoopPorts, state: LoopState, maturity: Maturity | None
) -> LetThroughReport | None:
    """Return what became of the let-through group; None where there is none.

    A mature sample counts with its gold label; without one nothing was reported, and it counts as genuine.
    """
    chances = read_let_through(ports.tables)
    if not chances:
        return None
    if maturity is None or maturity.mature_days is None:
        return LetThroughReport(len(chances), 0, Measure(0, None))
    times = sample_times(ports.tables, ports.settings, ports.modality, list(chances))
    ages = {key: (maturity.as_of - at).total_seconds() / DAY_S for key, at in times.items()}
    mature = [key for key in sorted(chances) if ages[key] >= maturity.mature_days]
    if len(mature) < MIN_N:
        return LetThroughReport(len(chances), len(mature), Measure(len(mature), None))
    labels = {record.sample_id: record.label for record in state.snapshot.gold.records}
    first = ports.settings.labels[0]
    wrong = share_estimate(
        [labels.get(key, first) != first for key in mature],
        weights=np.array([1 / chances[key] for key in mature]),
    )
    return LetThroughReport(len(chances), len(mature), Measure(wrong.n, wrong))
