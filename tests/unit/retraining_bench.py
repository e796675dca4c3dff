"""What retraining needs, in memory: a trainer, gold of texts, and everything around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from goldloop.adapters.memory import MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.errors import ModelError
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.gold.records import GoldRecord
from goldloop.loop.ports import LoopPorts
from goldloop.settings import Settings
from goldloop.tables.gold_store import GoldStore
from goldloop.training.ports import InputColumn, ServedModel, TrainedModel
from tests.loop import FakeClock, absent
from tests.memory_texts import LengthScorer, MemoryTexts, TextReader, TextStore
from tests.records import audited_record, gold_record


@dataclass
class FakeTrainer:
    """A trainer whose models all score by length; it remembers what it was given."""

    cross_fits: ClassVar[bool] = False
    learnt: list[SampleId] = field(default_factory=list)
    validation: list[SampleId] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    n_trained: int = 0
    is_broken: bool = False
    loaded: list[Path] = field(default_factory=list)

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        *,
        folder: Path,
        validation_weights: Sequence[float] | None = None,
        **_: Any,
    ) -> TrainedModel:
        """Write a file, and remember the samples, and the weights of those of validation."""
        self.learnt = [sample_id for sample_id, _column in train]
        self.validation = [sample_id for sample_id, _column in validation]
        self.weights = list(validation_weights or ())
        self.n_trained += 1
        if self.is_broken:
            raise ModelError("out of memory")
        folder.mkdir(parents=True)
        (folder / "model.txt").write_text(f"{len(train)} samples")
        return TrainedModel(folder, {"train/loss": (1.0, 0.5)}, notes=("no pretrained weights",))

    def served(self, folder: Path, beside: Path, *, form: RecordForm) -> ServedModel:
        """Return something to serve."""
        (beside / "model.txt").write_text(folder.name)
        return ServedModel("models.served.words", beside, (InputColumn("text", "string"),))

    def scorer(self, folder: Path) -> LengthScorer:
        """Return the one model there is; remember the folder."""
        self.loaded.append(folder)
        return LengthScorer()


@dataclass
class Bench:
    """Gold of texts, whose label the fake model finds by length, and everything around it."""

    folder: Path
    trainer: FakeTrainer = field(default_factory=FakeTrainer)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tables = memory_tables()
        self.gold = GoldStore(self.tables.gold)
        self.registry = MemoryRegistry(self.folder / "models")
        reader = TextReader({str(n): "x" * n for n in range(1, 101)})
        self.store = TextStore(reader)
        for number in range(1, 101):
            self.store.keep(text_id(number), str(number))
        self.ports = LoopPorts(
            configured=Settings(name="texts", labels=("ham", "spam")),
            tables=self.tables,
            modality=MemoryTexts(reader, self.store),
            open_queue=absent,
            open_trainer=lambda _: self.trainer,
            open_registry=lambda: self.registry,
            open_runs=lambda: self.runs,
            owner="me",
            gold_uri="gold",
            plots=lambda _: {"plots/a.svg": b"<svg/>"},
            clock=FakeClock(),
        )

    def commit(self, *records: GoldRecord) -> None:
        """Make these records the newest gold version."""
        self.gold.commit(lambda: list(records), reason=lambda _: "pull")


def text_id(number: int) -> SampleId:
    """Return the id of the text of this many letters."""
    return sample_id_of(b"x" * number)


def train_record(number: int) -> GoldRecord:
    """Return a train sample that is spam from 50 letters on, as the fake model says."""
    return gold_record(text_id(number), "spam" if number > 50 else "ham")


def holdout_record(number: int, label: str | None = None) -> GoldRecord:
    """Return a holdout sample, by default with the label that the fake model gives it."""
    return audited_record(text_id(number), label or ("spam" if number > 50 else "ham"))


TRAIN = tuple(train_record(number) for number in (10, 20, 80, 90))
HOLDOUT = tuple(holdout_record(number) for number in (15, 25, 75, 85))
