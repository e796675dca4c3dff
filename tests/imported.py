"""Imports for tests: a workspace of texts, records or pictures without servers, and files of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.record_form import NO_FIELDS
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.formats.export import Format
from goldloop.gold.records import GoldRecord
from goldloop.loop.imports import ImportReport, ImportWish, import_labels
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.score import score_files
from goldloop.modalities.kinds import open_modality
from goldloop.settings import Settings
from goldloop.tables.gold_store import GoldStore
from models.image.presets import FORMS
from models.kinds import TRAINERS
from tests.loop import FakeClock
from tests.texts import write_rows

PRESETS = {"image": "tiny", "text": "words", "records": "lightgbm"}
LABELS = ("ham", "spam")


@dataclass
class Workplace:
    """A workspace of `kind` in `folder`, with tables and labelling server in memory."""

    folder: Path
    kind: str = "text"
    labels: tuple[str, ...] = LABELS
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.queue = MemoryLabelingServer(Settings(name="imports", labels=self.labels).label_set)
        settings = Settings(
            name="imports",
            kind=self.kind,
            labels=self.labels,
            model={"preset": PRESETS[self.kind]},
            **{"selection": {"budget_per_round": 20, "audit_rate": 0.2}, **self.changes},
        )
        form = settings.records.form if settings.records else NO_FIELDS
        modality = open_modality(
            self.kind, self.folder, PRESETS[self.kind], FORMS, author_key=lambda: b"k" * 32, record_form=form
        )
        registry, runs = MemoryRegistry(self.folder / "models"), MemoryRuns()
        trainer = TRAINERS[self.kind](settings.model)
        self.clock = FakeClock()
        self.ports = LoopPorts(
            configured=settings,
            tables=memory_tables(),
            modality=modality,
            open_queue=lambda: self.queue,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="test",
            clock=self.clock,
            imports_folder=self.folder / "imports",
        )
        self.tables = self.ports.tables

    def takes(self, source: Path, form: Format = Format.CSV, **wish: Any) -> ImportReport:
        """Import the labels of a file."""
        return import_labels(self.ports, source, ImportWish(form, **wish))

    def takes_rows(self, *rows: tuple[str, str], name: str = "labels.csv", **wish: Any) -> ImportReport:
        """Import texts with their labels from a CSV file."""
        return self.takes(write_rows(self.folder / name, rows, ("text", "label")), **wish)

    def scores(self, *texts: str) -> None:
        """Let texts arrive."""
        rows = [(str(number), text) for number, text in enumerate(texts)]
        score_files(self.ports, str(write_rows(self.folder / "texts.csv", rows)))

    def answers(self, text: str, label: str, annotator: str = "7") -> None:
        """Answer every open task about a text, and pull."""
        for task_id, task in list(self.queue.tasks.items()):
            if task.pushed.sample_id == id_of(text):
                self.queue.answer(task_id, annotator, label)
        pull(self.ports)

    @property
    def gold(self) -> dict[SampleId, GoldRecord]:
        """The present gold records by sample."""
        return {one.sample_id: one for one in GoldStore(self.tables.gold).read().records}


def id_of(text: str) -> SampleId:
    """Return the sample_id of a text."""
    return sample_id_of(text.encode())
