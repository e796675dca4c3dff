"""Training on images: it is deterministic, learns rare labels, and trains on any number of samples."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from models.image.saved import TorchScorer
from models.image.saved import load as load_saved
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured, trained


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    """Training twice gives identical files, whatever the global generator did; another seed does not."""
    pairs, load = coloured(70)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.rand(7)
        trained(tmp_path / name, pairs, load, seed=seed)
    weights = {name: (tmp_path / name / "weights.pt").read_bytes() for name in "abc"}

    assert weights["a"] == weights["b"]
    assert weights["a"] != weights["c"]


def test_training_leaves_the_global_generator_and_threads_alone(tmp_path: Path) -> None:
    """A caller who draws random numbers gets the same ones with and without a training in between."""
    pairs, load = coloured(20)
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(tmp_path / "m", pairs, load)

    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_labels_without_samples_are_learned_as_rare(tmp_path: Path) -> None:
    """A label nobody has given yet keeps its column, with a small probability."""
    pairs, load = coloured(90)
    some = [(sample_id, column) for sample_id, column in pairs if column != 1]
    TorchTrainer(epochs=8).train(some, [], labels=COLOURS, load=load, folder=tmp_path / "m")
    probs = TorchTrainer().scorer(tmp_path / "m")([load(sample_id).payload for sample_id, _ in some]).probs

    assert probs.shape == (60, 3)
    assert (probs.argmax(axis=1) != 1).all()
    assert probs[:, 1].mean() < 0.1


@pytest.mark.parametrize("n", [1, 2, 65])
def test_any_number_of_samples_trains(tmp_path: Path, n: int) -> None:
    """One sample, two, or one more than a minibatch: training ends and gives finite probabilities."""
    pairs, load = coloured(n)
    trained(tmp_path / "m", pairs, load)
    probs = TorchTrainer().scorer(tmp_path / "m")([load(pairs[0][0]).payload]).probs

    assert np.isfinite(probs).all()


def test_a_rare_label_is_found(tmp_path: Path) -> None:
    """With nine times fewer samples a label is still recognised more often than not."""
    pairs, load = coloured(180, noise=40)
    kept = [pair for row, pair in enumerate(pairs) if pair[1] != 2 or row % 9 == 0]
    TorchTrainer(epochs=12).train(kept, [], labels=COLOURS, load=load, folder=tmp_path / "m")
    new, load_new = coloured(90, seed=8, noise=40)
    blue = [load_new(sample_id).payload for sample_id, column in new if column == 2]

    assert np.mean(TorchTrainer().scorer(tmp_path / "m")(blue).probs.argmax(axis=1) == 2) > 0.5


def test_progress_rises_to_one(tmp_path: Path) -> None:
    """The share done that a progress bar is given never falls and ends at 1."""
    pairs, load = coloured(70)
    shares: list[float] = []
    TorchTrainer(epochs=3).train(
        pairs, [], labels=COLOURS, load=load, folder=tmp_path / "m", advance=shares.append
    )

    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_pictures_over_the_memory_limit_stream_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether decoded pictures are kept in memory or decoded anew changes no weight."""
    pairs, load = coloured(70)
    trained(tmp_path / "kept", pairs, load)
    monkeypatch.setattr("models.image.data.CACHE_BYTES", 0)
    trained(tmp_path / "streamed", pairs, load)

    assert (tmp_path / "kept/weights.pt").read_bytes() == (tmp_path / "streamed/weights.pt").read_bytes()


def test_mirroring_is_used_where_it_keeps_the_label(tmp_path: Path) -> None:
    """Coloured noise may be mirrored; ramps whose direction is the label may not."""
    pairs, load = coloured(120)
    ramp = np.broadcast_to(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], (32, 32, 3))
    rng = np.random.default_rng(0)
    ramps = {
        SampleId(str(row)): np.clip(
            (ramp if row % 2 else ramp[:, ::-1]) + rng.normal(0, 20, ramp.shape), 0, 255
        ).astype(np.uint8)
        for row in range(60)
    }
    directed = [(sample_id, row % 2) for row, sample_id in enumerate(ramps)]

    trained(tmp_path / "a", pairs, load)
    trained(tmp_path / "b", directed, lambda one: Decoded(ramps[one]))
    assert [load_saved(tmp_path / name)[1].is_mirrored for name in "ab"] == [True, False]


def test_history_has_validation_beside_training(tmp_path: Path) -> None:
    """The tracker gets the training loss and, with validation, its accuracy and loss, equally long."""
    pairs, load = coloured(100)
    result = TorchTrainer(epochs=2).train(
        pairs[:60], pairs[60:], labels=COLOURS, load=load, folder=tmp_path / "m"
    )

    assert set(result.history) == {"train/loss", "validation/accuracy", "validation/loss"}
    assert len({len(values) for values in result.history.values()}) == 1
    assert result.history["train/loss"][-1] < result.history["train/loss"][0]


def test_600_real_photographs_teach_more_than_chance(real_data: Path, tmp_path: Path) -> None:
    """On CIFAR-10 eight epochs over 600 labels get over 35 % of unseen pictures right (chance: 10 %)."""
    with (real_data / "cifar10" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[:1300]
    labels = LabelSet(tuple(sorted({row["label"] for row in rows})))
    reader = ImageReader(Form(32))
    folder = real_data / "cifar10" / "images"

    def load(sample_id: SampleId) -> Decoded:
        return reader.decode((folder / sample_id).read_bytes())

    pairs = [(SampleId(row["file"]), labels.column(row["label"])) for row in rows]
    TorchTrainer(epochs=8).train(pairs[:600], pairs[600:800], labels=labels, load=load, folder=tmp_path / "m")
    scorer: TorchScorer = TorchTrainer().scorer(tmp_path / "m")
    probs = scorer([load(sample_id).payload for sample_id, _ in pairs[800:]]).probs

    assert np.mean(probs.argmax(axis=1) == [column for _, column in pairs[800:]]) > 0.35
