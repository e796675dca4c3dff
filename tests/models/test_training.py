"""Training: deterministic, balanced, calibrated, and saved so that it loads anywhere."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.errors import EmptyPoolError, LabelError, ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.image import ImageReader
from goldloop.settings import PRESETS as SETTINGS_PRESETS
from goldloop.training.ports import TrainedModel
from models.image import backbones
from models.image.predict import TorchScorer
from models.image.presets import PRESETS
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, Load, coloured, payloads_of


def trained(folder: Path, train: Sequence[tuple[SampleId, int]], load: Load, **settings: int) -> TrainedModel:
    """Return a tiny model trained for two epochs on `train` without validation."""
    trainer = TorchTrainer(epochs=2, **settings)
    return trainer.train(train, [], labels=COLOURS, load=load, folder=folder)


# --- learning -----------------------------------------------------------------------------------------------


def test_the_settings_and_the_models_know_the_same_presets() -> None:
    """A preset that goldloop.toml admits exists, and none is hidden from it."""
    assert tuple(PRESETS) == SETTINGS_PRESETS["image"]


def test_a_trained_model_labels_new_pictures(model: Path) -> None:
    """What was learned carries over to pictures never seen."""
    payloads, truth = payloads_of(150, seed=2)
    scores = TorchTrainer().scorer(model)(payloads)

    assert np.mean(scores.probs.argmax(axis=1) == truth) > 0.8


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

    assert trained(tmp_path / "a", pairs, load).params["mirrored"] is True
    assert trained(tmp_path / "b", directed, lambda one: Decoded(ramps[one])).params["mirrored"] is False


# --- history ----------------------------------------------------------------------------------------------


def test_history_has_validation_beside_training(tmp_path: Path) -> None:
    """The tracker gets the training loss and, with validation, its accuracy and loss, equally long."""
    pairs, load = coloured(100)
    result = TorchTrainer(epochs=2).train(
        pairs[:60], pairs[60:], labels=COLOURS, load=load, folder=tmp_path / "m"
    )

    assert set(result.history) == {"train/loss", "validation/accuracy", "validation/loss"}
    assert len({len(values) for values in result.history.values()}) == 1
    assert result.history["train/loss"][-1] < result.history["train/loss"][0]


# --- scoring ------------------------------------------------------------------------------------------------


def test_scores_are_probabilities_and_embeddings(model: Path) -> None:
    """Rows of float64 probs sum to 1; embeddings are float32, one row each."""
    payloads, _ = payloads_of(20, seed=3)
    scores = TorchTrainer().scorer(model)(payloads)

    assert (scores.probs.dtype, scores.embeddings.dtype) == (np.float64, np.float32)
    assert scores.probs.shape == (20, 3)
    assert scores.embeddings.shape[0] == 20
    np.testing.assert_allclose(scores.probs.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_scores_do_not_depend_on_the_minibatch(model: Path, size: int) -> None:
    """However a batch is cut into minibatches, each picture gets the same probs."""
    payloads, _ = payloads_of(100, seed=4)
    scorer = TorchTrainer().scorer(model)
    whole = scorer(payloads).probs
    parts = np.concatenate([scorer(payloads[start : start + size]).probs for start in range(0, 100, size)])

    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_nothing_to_score_gives_no_rows(model: Path) -> None:
    """An empty minibatch has the right number of columns and no rows."""
    scores = TorchTrainer().scorer(model)([])

    assert scores.probs.shape == (0, 3)
    assert scores.embeddings.shape[0] == 0


def test_a_saved_model_loads_in_another_process_and_folder(model: Path, tmp_path: Path) -> None:
    """A fresh process elsewhere gives the very same probs."""
    payloads, _ = payloads_of(10, seed=6)
    np.save(tmp_path / "payloads.npy", np.stack(payloads))
    code = (
        "import sys, numpy as np\nfrom models.image.predict import load_scorer\n"
        "probs = load_scorer(__import__('pathlib').Path(sys.argv[1]))(list(np.load('payloads.npy'))).probs\n"
        "np.save('probs.npy', probs)"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code, str(model)], cwd=tmp_path, env=environment, check=True)

    np.testing.assert_array_equal(
        np.load(tmp_path / "probs.npy"), TorchTrainer().scorer(model)(payloads).probs
    )


def test_an_exported_model_runs_without_this_package(model: Path, tmp_path: Path) -> None:
    """The saved graph gives the same probs for any batch size where neither of our packages exists."""
    graph, example = TorchTrainer().exportable(model)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(graph, (torch.from_numpy(example),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    payloads, _ = payloads_of(5, seed=7)
    np.save(tmp_path / "payloads.npy", np.stack(payloads))
    code = (
        "import sys\nsys.modules['models'] = sys.modules['goldloop'] = None\n"
        "import numpy as np, torch\ngraph = torch.export.load('model.pt2').module()\n"
        "np.save('probs.npy', graph(torch.from_numpy(np.load('payloads.npy'))).numpy())"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    assert len(example) == 2
    np.testing.assert_allclose(
        np.load(tmp_path / "probs.npy"), TorchTrainer().scorer(model)(payloads).probs, atol=1e-5
    )


# --- errors -------------------------------------------------------------------------------------------------


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    """Without samples there is no model, and the message says what to do."""
    with pytest.raises(
        EmptyPoolError, match="0 samples to train on; let people answer some tasks and pull first"
    ):
        trained(tmp_path / "m", [], lambda _: Decoded(None))


def test_a_column_outside_the_label_set_is_an_error(tmp_path: Path) -> None:
    """A label that does not exist is named with its sample."""
    with pytest.raises(LabelError, match="sample x has column 3, the label set has 3 labels"):
        trained(tmp_path / "m", [(SampleId("x"), 3)], lambda _: Decoded(None))


def test_a_payload_of_another_size_is_an_error(model: Path, tmp_path: Path) -> None:
    """Training and scoring both refuse pictures that were read for another preset."""
    wrong = np.zeros((64, 64, 3), dtype=np.uint8)
    with pytest.raises(
        ModelError, match=r"sample x decodes to uint8 \(64, 64, 3\), this preset takes uint8 \(32, 32, 3\)"
    ):
        trained(tmp_path / "m", [(SampleId("x"), 0)], lambda _: Decoded(wrong))
    with pytest.raises(
        ModelError, match=r"payload 0 is uint8 \(64, 64, 3\), preset 'tiny' takes uint8 \(32, 32, 3\)"
    ):
        TorchTrainer().scorer(model)([wrong])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["red", "green"]}, "does not hold weights of preset 'tiny' with 2 labels"),
        ({"labels": ["red"]}, "is no card of a model: a label set needs at least two labels"),
        ({"preset": "huge"}, "names preset 'huge' at 32 px"),
        ({"size": 64}, "names preset 'tiny' at 64 px"),
        ({"temperature": 0}, "has temperature 0, a positive number is needed"),
        ({"offsets": [0.1, -0.1]}, "has offsets .*, one number for each of 3 labels is needed"),
        ({"offsets": [0.1, -0.1, None]}, "has offsets .*, one number for each of 3 labels is needed"),
        ({"format_version": 99}, "has format version 99, this goldloop reads 1"),
        ({"surprise": 1}, "is no card of a model: .*surprise"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    model: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Each way in which card and weights can disagree is an error that names it."""
    card = json.loads((model / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, **change}))
    (tmp_path / "weights.pt").write_bytes((model / "weights.pt").read_bytes())

    with pytest.raises(ModelError, match=message):
        TorchTrainer().scorer(tmp_path)


def test_missing_and_damaged_files_are_refused(model: Path, tmp_path: Path) -> None:
    """No card, no weights, cut weights and weights that would run code are all errors that name the file."""
    with pytest.raises(ModelError, match=r"card\.json is missing; this folder holds no model"):
        TorchTrainer().scorer(tmp_path)
    (tmp_path / "card.json").write_text((model / "card.json").read_text())
    with pytest.raises(ModelError, match=r"weights\.pt is missing; download the model again or retrain"):
        TorchTrainer().scorer(tmp_path)
    whole = (model / "weights.pt").read_bytes()
    torch.save(Path("code that would run"), tmp_path / "code.pt")
    for content in (b"", whole[: len(whole) // 2], b"text", (tmp_path / "code.pt").read_bytes()):
        (tmp_path / "weights.pt").write_bytes(content)
        with pytest.raises(ModelError, match=r"weights\.pt does not hold weights of preset 'tiny'"):
            TorchTrainer().scorer(tmp_path)


def test_a_model_is_never_overwritten(model: Path) -> None:
    """Training into a folder that holds a model is refused and leaves it as it was."""
    before = (model / "card.json").read_bytes()
    pairs, load = coloured(5)
    with pytest.raises(ModelError, match="holds a model already; choose an empty folder"):
        trained(model, pairs, load)

    assert (model / "card.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "huge"}, "model preset 'huge' is unknown; choose one of tiny, resnet18, convnext_tiny"),
        ({"weights": "best"}, "weights 'best' is unknown; choose auto, pretrained or scratch"),
        (
            {"weights": "pretrained"},
            "preset 'tiny' has no pretrained weights; set weights to 'auto' or 'scratch'",
        ),
    ],
)
def test_settings_that_cannot_be_met_are_errors(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    """An unknown preset or weights that do not exist are refused by name."""
    pairs, load = coloured(5)
    with pytest.raises(ModelError, match=message):
        TorchTrainer(**settings).train(pairs, [], labels=COLOURS, load=load, folder=tmp_path / "m")


# --- presets of 224 pixels ----------------------------------------------------------------------------------


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give torch an empty cache and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.mark.usefixtures("no_weights")
def test_a_large_preset_trains_from_scratch_and_says_so(tmp_path: Path) -> None:
    """Where pretrained weights cannot be had, auto trains from scratch and the user is told so."""
    pairs, load = coloured(4, size=224)
    trainer = TorchTrainer(preset="resnet18", epochs=1)
    result = trainer.train(pairs, [], labels=COLOURS, load=load, folder=tmp_path / "m")
    scores = trainer.scorer(tmp_path / "m")([load(pairs[0][0]).payload])

    assert result.params["weights_origin"] == "scratch"
    assert "pretrained weights of resnet18 cannot be had (Name or service not known)" in result.notes[0]
    assert "Training from scratch instead" in result.notes[0]
    assert scores.probs.shape == (1, 3)


@pytest.mark.parametrize(("preset", "n_features"), [("tiny", 96), ("resnet18", 512), ("convnext_tiny", 768)])
def test_each_preset_gives_logits_and_embeddings(preset: str, n_features: int) -> None:
    """The network of every preset takes pictures of its size; its head sees one vector a picture."""
    network = backbones.empty_network(PRESETS[preset], 5).eval()
    side = PRESETS[preset].size
    with torch.inference_mode():
        logits, features = network(torch.zeros(2, 3, side, side))

    assert (logits.shape, features.shape) == ((2, 5), (2, n_features))


@pytest.mark.usefixtures("no_weights")
def test_demanded_weights_that_cannot_be_had_are_an_error(tmp_path: Path) -> None:
    """With weights = 'pretrained' nothing is trained from scratch behind the user's back."""
    pairs, load = coloured(4, size=224)
    with pytest.raises(
        ModelError, match=r"pretrained weights of resnet18 cannot be had .* or set weights to 'auto'"
    ):
        TorchTrainer(preset="resnet18", weights="pretrained").train(
            pairs, [], labels=COLOURS, load=load, folder=tmp_path / "m"
        )


def test_cached_weights_are_used_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights in torch's cache are taken without a network; a damaged file there is named."""
    import hashlib

    from torchvision import models as vision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    backbone = vision.resnet18(weights=None)
    (folder := tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(backbone.state_dict(), folder / "new.pt")
    digest = hashlib.sha256((folder / "new.pt").read_bytes()).hexdigest()[:8]
    (folder / "new.pt").rename(folder / f"resnet18-{digest}.pth")

    class Source:
        url = f"https://weights.invalid/resnet18-{digest}.pth"

    monkeypatch.setattr(vision, "get_model_weights", lambda _: type("Weights", (), {"DEFAULT": Source}))
    start = backbones.start_network(PRESETS["resnet18"], 3, weights="pretrained")
    assert start.origin == f"pretrained: {Source.url}"
    assert torch.equal(start.network.state_dict()["body.conv1.weight"], backbone.state_dict()["conv1.weight"])

    with (folder / f"resnet18-{digest}.pth").open("ab") as file:
        file.write(b"!")
    with pytest.raises(ModelError, match=r"is damaged: SHA-256 .* delete it"):
        backbones.start_network(PRESETS["resnet18"], 3, weights="pretrained")


# --- real pictures ------------------------------------------------------------------------------------------


def test_1500_real_photographs_teach_more_than_chance(real_data: Path, tmp_path: Path) -> None:
    """On CIFAR-10 eight epochs over 1,500 labels get over 35 % of unseen pictures right (chance: 10 %)."""
    with (real_data / "cifar10" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[:2200]
    labels = LabelSet(tuple(sorted({row["label"] for row in rows})))
    reader = ImageReader(size=32)
    folder = real_data / "cifar10" / "images"

    def load(sample_id: SampleId) -> Decoded:
        return reader.decode((folder / sample_id).read_bytes())

    pairs = [(SampleId(row["file"]), labels.column(row["label"])) for row in rows]
    TorchTrainer(epochs=8).train(
        pairs[:1500], pairs[1500:1700], labels=labels, load=load, folder=tmp_path / "m"
    )
    scorer: TorchScorer = TorchTrainer().scorer(tmp_path / "m")
    probs = scorer([load(sample_id).payload for sample_id, _ in pairs[1700:]]).probs

    assert np.mean(probs.argmax(axis=1) == [column for _, column in pairs[1700:]]) > 0.35
