"""The loop of the simulated year: goldloop's own weekly routine over tables and servers in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.annotators.report import annotator_report
from goldloop.labeling.context import read_state
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.round import run_round
from goldloop.loop.score import score_files
from goldloop.settings import Settings
from scripts.bench.year.model import RegressionTrainer
from scripts.bench.year.people import People
from scripts.bench.year.world import World, source_of

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LAST_HOURS = timedelta(hours=12)  # of a week, in which the round is closed
TICK = timedelta(milliseconds=1)


class YearLoop:
    """One policy's year: its traffic, its annotators, and everything goldloop has learnt, in `ports.tables`.

    Models are kept in `folder`. `flagged` holds the annotators that the report of each week named.
    """

    def __init__(self, world: World, crew: People, settings: Settings, folder: Path) -> None:
        self.world, self.crew = world, crew
        self.flagged: dict[int, tuple[str, ...]] = {}
        self._server = MemoryLabelingServer(world.labels)
        registry, trainer, runs = MemoryRegistry(folder / "models"), RegressionTrainer(), MemoryRuns()
        self.ports = LoopPorts(
            configured=settings,
            tables=memory_tables(),
            modality=world,
            open_queue=lambda: self._server,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="bench",
            clock=self._clock,
        )

    def play(self, number: int) -> None:
        """Play week `number`; weeks come in order, from 0, which has no model and is labelled wholly.

        What arrives is scored and asked about, annotators answer until nothing is open, and the weekly
        routine closes the round.
        """
        self._server.now = START + timedelta(weeks=number)
        score_files(self.ports, source_of(number))
        push(self.ports)
        while self.crew.work_through(self._server, number):
            pull(self.ports)
        state = read_state(self.ports.tables, self.ports.settings)
        report = annotator_report(state.outcomes, state.snapshot.requests.requests, self.ports.settings)
        self.flagged[number] = tuple(
            person.annotator for person in report.people if person.is_flagged or person.is_falling
        )
        self._server.now = START + timedelta(weeks=number + 1) - LAST_HOURS
        run_round(self.ports)

    def _clock(self) -> datetime:
        """Return the next moment; routine and labelling server share one clock."""
        self._server.now += TICK
        return self._server.now
