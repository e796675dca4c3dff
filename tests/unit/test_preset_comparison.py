"""The comparison of presets at the first retrain with enough labels: what is compared, said and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.errors import ModelError, SettingsError
from goldloop.core.ports import Scores
from goldloop.core.presets import PresetChoice, PresetComparison
from goldloop.core.samples import SampleId
from goldloop.loop import preset_comparison
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset_comparison import compare_presets
from goldloop.loop.retrain import retrain
from goldloop.settings.preset_record import COMPARISON_NAME, PresetFile
from goldloop.settings.sections import ModelSettings
from goldloop.training.ports import TrainedModel
from models.image.choice import preset_sentence
from tests.memory_texts import LengthScorer
from tests.unit.retraining_bench import HOLDOUT, Bench, FakeTrainer, holdout_record, text_id, train_record

LITE0 = "efficientnet_lite0"
TRAIN = [number for number in range(1, 101) if number not in (15, 25, 75, 85)]


class Guesser(LengthScorer):
    """Says ham of everything."""

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch."""
        return Scores(np.tile([0.9, 0.1], (len(payloads), 1)), np.zeros((len(payloads), 1), np.float32))


@dataclass
class PresetTrainer(FakeTrainer):
    """A trainer of one preset, whose models guess or know; it remembers which samples it was given."""

    is_good: bool = True
    missing: str = ""
    trained_on: list[SampleId] = field(default_factory=list)

    def train(self, train: Sequence[tuple[SampleId, int]], *rest: Any, **options: Any) -> TrainedModel:
        """Remember the samples."""
        if self.missing:
            raise ModelError(self.missing)
        self.trained_on += [sample_id for sample_id, _ in train]
        return super().train(train, *rest, **options)

    def scorer(self, folder: Path) -> LengthScorer:
        """Return a model that knows, or one that guesses."""
        return LengthScorer() if self.is_good else Guesser()


@dataclass
class Compared:
    """A workspace whose preset goldloop chose, with a trainer for each of both."""

    folder: Path
    chosen: str = "tiny"
    configured: str = "auto"
    trainers: dict[str, PresetTrainer] = field(
        default_factory=lambda: {"tiny": PresetTrainer(is_good=False), LITE0: PresetTrainer()}
    )

    def __post_init__(self) -> None:
        self.bench = Bench(self.folder)
        self.record = PresetFile(self.folder)
        self.record.save(PresetChoice(self.chosen, 200, 8, 8, is_colour=False))

    @property
    def ports(self) -> LoopPorts:
        """The ports of a retrain."""

        def open_trainer(model: ModelSettings) -> PresetTrainer:
            return self.trainers[model.preset]

        model = ModelSettings(preset=self.configured)  # type: ignore[arg-type]
        settings = self.bench.ports.configured.model_copy(update={"model": model})
        return replace(
            self.bench.ports, configured=settings, open_trainer=open_trainer, preset_record=self.record
        )

    def compared(self, train: Sequence[int] = TRAIN) -> list[str]:
        """Compare the presets on gold of these texts and a holdout; return what is said."""
        notes: list[str] = []
        self.bench.commit(*map(train_record, train), *HOLDOUT)
        compare_presets(self.ports, notes)
        return notes


@pytest.fixture(autouse=True)
def few_labels_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the number of labels to what the bench has."""
    monkeypatch.setattr(preset_comparison, "LEAST_LABELS", 60)


def test_a_better_preset_is_said_with_what_to_do(tmp_path: Path) -> None:
    """The other preset knows what the chosen one guesses; status repeats it, nothing is switched."""
    case = Compared(tmp_path)

    (sentence,) = case.compared()

    assert sentence == (
        "efficientnet_lite0 labels more samples right than tiny: +50.0 points [+38.7, +59.3], "
        'cross-validated on 96 train samples. To change, set `preset = "efficientnet_lite0"` in [model] of '
        "goldloop.toml; the next `goldloop retrain` trains such a challenger, and the gate decides"
    )
    assert case.ports.settings.model.preset == "tiny"
    told = preset_sentence("auto", case.record.read(), case.record.read_comparison())
    assert told.endswith(f"; {sentence}")
    assert preset_sentence("tiny", case.record.read(), case.record.read_comparison()).startswith("tiny, set")


def test_no_sample_of_the_holdout_takes_part(tmp_path: Path) -> None:
    """Both presets learn from train samples alone, each of them in all folds but its own."""
    case = Compared(tmp_path)
    case.compared()

    for trainer in case.trainers.values():
        assert set(trainer.trained_on) == {text_id(number) for number in TRAIN}
        assert len(trainer.trained_on) == 2 * len(TRAIN)


def test_presets_that_do_as_well_are_not_mentioned(tmp_path: Path) -> None:
    """Neither a worse candidate nor an equal one is worth a word; the comparison is kept all the same."""
    worse = Compared(tmp_path / "worse", chosen=LITE0)
    equal = Compared(tmp_path / "equal", trainers={"tiny": PresetTrainer(), LITE0: PresetTrainer()})

    assert worse.compared() == equal.compared() == []
    assert worse.record.read_comparison() is not None
    assert not preset_sentence("auto", worse.record.read(), worse.record.read_comparison()).count("points")


def test_presets_are_compared_once(tmp_path: Path) -> None:
    """The next gold is not compared again."""
    case = Compared(tmp_path)
    assert case.compared(TRAIN[:70]) != []
    n_trained = [trainer.n_trained for trainer in case.trainers.values()]

    assert case.compared() == []
    assert [trainer.n_trained for trainer in case.trainers.values()] == n_trained == [3, 3]


def test_the_draw_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much gold there is, few samples take part."""
    monkeypatch.setattr(preset_comparison, "MOST_LABELS", 65)
    case = Compared(tmp_path)
    case.compared()

    assert case.record.read_comparison().n == 65  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("configured", "train"),
    [("tiny", TRAIN), ("auto", TRAIN[:40]), ("auto", [number for number in TRAIN if number <= 51])],
    ids=["the user's preset", "few labels", "one label but for one sample"],
)
def test_nothing_is_compared_where_it_would_tell_nothing(
    tmp_path: Path, configured: str, train: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a user's own preset, not a few labels, not one label; the next retrain may."""
    monkeypatch.setattr(preset_comparison, "LEAST_LABELS", 45)
    case = Compared(tmp_path, configured=configured)

    assert case.compared(train) == []
    assert [trainer.n_trained for trainer in case.trainers.values()] == [0, 0]
    assert case.record.read_comparison() is None


def test_samples_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """A lost content is no reason to compare nothing."""
    case = Compared(tmp_path)
    for number in TRAIN[:10]:
        del case.bench.store.kept[text_id(number)]

    assert "cross-validated on 86 train samples" in case.compared()[0]


def test_weights_that_cannot_be_had_are_said_and_stop_no_retrain(tmp_path: Path) -> None:
    """The retrain is done; the next one tries the comparison again."""
    case = Compared(tmp_path, chosen="tiny")
    case.trainers[LITE0].missing = "the weights cannot be had"
    case.bench.commit(*map(train_record, TRAIN), *(holdout_record(number) for number in (15, 25, 75, 85)))
    notes: list[str] = []

    record = retrain(case.ports, notes)

    assert record is not None
    assert notes[-1] == "The presets were not compared: the weights cannot be had"
    assert case.record.read_comparison() is None


def test_a_damaged_comparison_is_named(tmp_path: Path) -> None:
    """The error names the file and what to do; what was saved is read back equal."""
    record, saved = PresetFile(tmp_path), PresetComparison("tiny", LITE0, 300, 0.1, 0.05, 0.15)
    record.save_comparison(saved)
    assert record.read_comparison() == saved
    (tmp_path / COMPARISON_NAME).write_text("[]")

    with pytest.raises(SettingsError, match=r"preset-comparison\.json is no record .* delete it"):
        record.read_comparison()
