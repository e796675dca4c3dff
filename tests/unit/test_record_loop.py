"""The loop on records: made payments through score, push, answers, pull, retrain and gate, in memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files
from goldloop.settings import Settings
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from models.kinds import TRAINERS
from tests.loop import FakeClock
from tests.payments import SECTION, made_payments, records_in
from tests.texts import write_json

LABELS = LabelSet(("genuine", "fraud"))
N_PAYMENTS, N_ROUNDS = 600, 3


@dataclass
class RecordLoop:
    """A workspace of kind records in memory, with analysts who are always right."""

    folder: Path
    preset: str
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))

    def __post_init__(self) -> None:
        settings = Settings(
            name="payments",
            kind="records",
            labels=LABELS.names,
            records=SECTION,
            selection={"budget_per_round": 150, "audit_rate": 0.2},
            model={"preset": self.preset},
        )
        modality = records_in(self.folder)
        trainer = TRAINERS["records"](settings.model)
        registry, runs = MemoryRegistry(self.folder / "models"), MemoryRuns()
        self.registry = registry
        self.ports = LoopPorts(
            configured=settings,
            tables=memory_tables(),
            modality=modality,
            open_queue=lambda: self.queue,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="test",
            clock=FakeClock(),
        )
        made = made_payments(N_PAYMENTS)
        source = write_json(self.folder / "payments.jsonl", *(row for row, _ in made))
        arrivals = modality.reader.cases(str(source))
        self.truth: dict[SampleId, str] = {
            arrival.sample_id: label for arrival, (_, label) in zip(arrivals, made, strict=True)
        }
        self.scored = score_files(self.ports, str(source))

    def answer(self) -> None:
        """Let two analysts, and an adjudicator, answer what is open."""
        for task_id, task in sorted(self.queue.tasks.items()):
            for analyst in ("ana", "ben", "cleo"):
                if task.is_open and not task.knows(analyst):
                    self.queue.answer(task_id, analyst, self.truth[task.pushed.sample_id])

    def round(self) -> RoundReport:
        """Answer, and run the weekly pass."""
        self.answer()
        pull(self.ports)
        self.answer()
        return run_round(self.ports)


@pytest.mark.parametrize("preset", ["lightgbm", "logistic"])
def test_payments_go_through_the_whole_loop(tmp_path: Path, preset: str) -> None:
    """Every record is in one place, no customer trains and judges, and the model finds the frauds."""
    loop = RecordLoop(tmp_path, preset)
    push(loop.ports)
    reports = [loop.round() for _ in range(N_ROUNDS)]

    where = conservation(loop.ports.tables)
    assert where.is_conserved
    assert where.n_files == loop.scored.n_files == N_PAYMENTS
    records = GoldStore(loop.ports.tables.gold).records()
    assert all(record.label == loop.truth[record.sample_id] for record in records)
    sides: dict[str | None, set[Split]] = defaultdict(set)
    for record in records:
        sides[record.entity].add(record.split)
    assert None not in sides
    assert all(len(found - {Split.WITHHELD}) <= 1 for found in sides.values())

    trained = [report.record for report in reports if report.record is not None]
    assert len(trained) == N_ROUNDS
    champion = loop.registry.version_at("champion")
    assert reports[-1].score.model_version == champion
    accuracy = trained[-1].evaluations["challenger"].accuracy
    assert accuracy.value > 0.88  # always genuine would be right on 80 %
