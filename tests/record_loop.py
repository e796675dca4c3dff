"""A loop on records in memory, with analysts who are always right, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files
from goldloop.settings import Settings
from models.kinds import TRAINERS
from tests.loop import FakeClock
from tests.payments import SECTION, made_payments, records_in
from tests.texts import write_json

LABELS = LabelSet(("genuine", "fraud"))
N_PAYMENTS, N_ROUNDS = 600, 3


@dataclass
class RecordLoop:
    """A workspace of kind records in memory, with analysts who are always right; `share` are frauds."""

    folder: Path
    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    share: float = 0.2
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))

    def __post_init__(self) -> None:
        settings = Settings(
            name="payments",
            kind="records",
            labels=LABELS.names,
            records=SECTION,
            selection={"budget_per_round": 150, "audit_rate": 0.2},
            model={"preset": self.preset},
            **self.changes,
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
            journal=self.folder / "journal" / "decisions.jsonl",
        )
        made = made_payments(N_PAYMENTS, share=self.share)
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


OWN_AMOUNTS = {
    "policy": {"kind": "cost", "max_error": 0.4},
    "cost": {
        "minute": 0.5,
        "errors": {"fraud": {"genuine": {"plus": 15.0, "factor": 1.0}}, "genuine": {"fraud": 5.0}},
    },
}
