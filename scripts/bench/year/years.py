"""Single years of the simulation, and what is measured of each."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from goldloop.core.tasks import Purpose
from goldloop.labeling.context import read_state
from goldloop.loop.champion import champion_model
from goldloop.reports.costs import read_cost_inputs
from goldloop.settings import Settings
from scripts.bench.year.accounts import Round, held_amounts, rounds_of
from scripts.bench.year.loop import YearLoop
from scripts.bench.year.people import CARELESS_ONE, PEOPLE, People
from scripts.bench.year.stock import stock_of
from scripts.bench.year.world import CARELESS, CAUSES, World, source_of

NO_LIMIT = 10**6  # answers a round: what the policy sends to annotators is answered in the same week
MAX_ERROR = 0.15  # the guard's; at the prices of [cost] so many errors among accepted still pay


@dataclass(frozen=True, slots=True)
class Year:
    """One policy's year with one seed: its rounds, and for each amount whether the report held the truth."""

    seed: int
    rounds: tuple[Round, ...]
    amounts: dict[str, list[bool]]

    @property
    def cost(self) -> float:
        """What people's time and wrong labels cost in the year."""
        return sum(record.spent + record.lost for record in self.rounds)


@contextmanager
def loop_of(policy: str, seed: int, options: argparse.Namespace) -> Iterator[YearLoop]:
    """Yield a loop after its first week; the band sends what lies below it to people."""
    world = World(stock_of(options), seed, options.new)
    settings = Settings.model_validate(
        {
            "name": "year",
            "labels": world.labels.names,
            "policy": {"kind": policy, "below": "review", "target": 0.95, "max_error": MAX_ERROR},
            "selection": {"seed": seed, "budget_per_round": NO_LIMIT},
            "model": {"preset": "tiny"},
        }
    )
    with TemporaryDirectory(prefix="goldloop-year-") as folder:
        loop = YearLoop(world, People(world, seed), settings, Path(folder))
        loop.play(0)
        yield loop


def one_year(policy: str, seed: int, options: argparse.Namespace) -> Year:
    """Return the year of one policy."""
    with loop_of(policy, seed, options) as loop:
        for number in range(1, options.weeks + 1):
            loop.play(number)
        tables, settings = loop.ports.tables, loop.ports.settings
        state = read_state(tables, settings)
        inputs = read_cost_inputs(tables, state, settings)
        rounds = rounds_of(loop, state, inputs)
        return Year(seed, rounds, held_amounts(inputs, rounds, settings) if policy == "cost" else {})


def fixed_costs(seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Return what a year costs where everything is labelled once, and where the first model does it all."""
    with loop_of("band", seed, options) as loop:
        cost, crew, world = loop.ports.settings.cost, loop.crew, loop.world
        model = champion_model(loop.ports).scorer
        assert model is not None
        rng = np.random.default_rng([seed, 4])
        labelling = accepting = 0.0
        for number in range(1, options.weeks + 1):
            arrived = list(world.arrivals(source_of(number), is_known=lambda _: False))
            ids = [arrival.sample_id for arrival in arrived]
            truth, asked = world.truth(ids), zip(rng.choice(PEOPLE, len(ids)).tolist(), ids, strict=True)
            labels = [world.labels.column(crew.label(who, sample_id, number)) for who, sample_id in asked]
            seconds = sum(crew.seconds(Purpose.AUDIT, is_shown=False) for _ in ids)
            labelling += seconds / 60 * cost.minute + float((np.array(labels) != truth).sum()) * cost.error
            probs = model([arrival.decoded.payload for arrival in arrived if arrival.decoded]).probs
            accepting += float((probs.argmax(axis=1) != truth).sum()) * cost.error
    return {"label everything": labelling, "accept everything": accepting}


def coverage(year: Year) -> float:
    """Return the share of rounds whose interval holds the true accuracy, of those with an estimate."""
    known = [(record.estimate, record.truth) for record in year.rounds if record.estimate is not None]
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate, truth in known]))


def alarms(year: Year) -> tuple[dict[str, bool], int]:
    """Return which planted changes were flagged by the next round, and the number of other alarms."""
    flagged = {record.number for record in year.rounds if record.check.drifts}
    expected = {number + late for number in CAUSES for late in (0, 1)}
    in_time = {name: bool(flagged & {number, number + 1}) for number, name in CAUSES.items()}
    return in_time, len(flagged - expected)


def careless(year: Year) -> tuple[bool, int]:
    """Return whether the careless annotator was flagged by the end of the second week, and false flags."""
    named = {(record.number, who) for record in year.rounds for who in record.flagged}
    is_found = bool(named & {(CARELESS, CARELESS_ONE), (CARELESS + 1, CARELESS_ONE)})
    return is_found, sum(who != CARELESS_ONE or number < CARELESS for number, who in named)
