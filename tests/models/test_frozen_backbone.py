"""A frozen backbone and its head: right features, a head that suits its labels, models that stay whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from goldloop.core.errors import ModelError
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.image.square import squared
from models import runtime
from models.head import Head
from models.image.frozen import FrozenNetwork, open_backbone
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FROZEN
from models.image.trainer import TorchTrainer
from models.image.weights import weights_file
from models.linear import CrossValidation, cross_validated
from tests.coloured import COLOURS, Load, coloured

PRESET = FROZEN["efficientnet_lite0"]
PALACE, DAISY = 698, 985  # classes of ImageNet


def noise(n: int) -> list[np.ndarray]:
    """Return n pictures of noise as the preset takes them."""
    return list(np.random.default_rng(0).integers(0, 256, (n, 224, 224, 3), dtype=np.uint8))


def test_the_backbone_sees_what_it_was_trained_to_see() -> None:
    """With ImageNet's own classifier, a palace is a palace and a daisy a daisy, among 1,000 classes."""
    weights = torch.load(weights_file(PRESET), weights_only=True)
    photographs = [squared(Image.fromarray(one), PRESET.form) for one in load_sample_images().images]
    features = open_backbone(PRESET).features(photographs)
    logits = features @ weights["_fc.weight"].numpy().T + weights["_fc.bias"].numpy()

    assert logits.argmax(axis=1).tolist() == [PALACE, DAISY]


def test_features_do_not_depend_on_the_minibatch_or_the_runtime() -> None:
    """Alone, among others and in torch a picture has the same features; torch differs by rounding."""
    backbone, pictures = open_backbone(PRESET), noise(11)
    features = backbone.features(pictures)
    in_torch = FrozenNetwork(PRESET)(torch.from_numpy(np.stack(pictures[:3]))).numpy()

    assert features.shape == (11, PRESET.n_features)
    assert np.array_equal(backbone.features([pictures[5]])[0], features[5])
    assert np.array_equal(backbone.features(pictures[3:9])[2], features[5])
    np.testing.assert_allclose(in_torch, features[:3], atol=1e-4, rtol=1e-3)  # features are rounded
    assert backbone.features([]).shape == (0, PRESET.n_features)


def test_a_damaged_file_in_the_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a cache that cannot be written is done without."""
    monkeypatch.setattr(runtime.platformdirs, "user_cache_dir", lambda _: str(tmp_path))
    made: list[int] = []

    class Network(torch.nn.Module):
        """The mean of each colour."""

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            """Return the means."""
            return pictures.float().mean(dim=(1, 2))

    def network() -> torch.nn.Module:
        made.append(1)
        return Network().eval()

    pictures = np.stack(noise(2))
    example = torch.zeros(2, 224, 224, 3, dtype=torch.uint8)
    (first,) = runtime.open_runtime("means", network, example)([pictures])
    (path,) = (tmp_path / "backbones").iterdir()
    runtime.open_runtime("means", network, example)
    path.write_bytes(path.read_bytes()[:100])
    (mended,) = runtime.open_runtime("means", network, example)([pictures])
    runtime.open_runtime("means", network, example)
    monkeypatch.setattr(runtime.platformdirs, "user_cache_dir", lambda _: str(path))
    (uncached,) = runtime.open_runtime("means", network, example)([pictures])

    assert len(made) == 3
    np.testing.assert_allclose(first, pictures.mean(axis=(1, 2)), rtol=1e-4)
    assert np.array_equal(first, mended)
    assert np.array_equal(first, uncached)


def featured(n: int, seed: int = 0) -> tuple[list[tuple[SampleId, int]], Load, Load]:
    """Return n coloured pictures, as (id, column) pairs, and what loads their features and their pixels."""
    pairs, load = coloured(n, seed=seed, noise=20, size=224)
    rows = open_backbone(PRESET).features([load(sample_id).payload for sample_id, _ in pairs])
    features = {sample_id: Decoded(row) for (sample_id, _), row in zip(pairs, rows, strict=True)}
    return pairs, features.__getitem__, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head of three colours, calibrated on 30 pictures."""
    pairs, load, _ = featured(90)
    folder = tmp_path_factory.mktemp("models") / "head"
    FrozenTrainer("efficientnet_lite0").train(
        pairs[:60], pairs[60:], labels=COLOURS, load=load, folder=folder
    )
    return folder


def test_a_saved_head_scores_new_pictures(folder: Path) -> None:
    """It knows the colours."""
    pairs, load, _ = featured(30, seed=5)
    payloads = [load(sample_id).payload for sample_id, _ in pairs]
    scores = FrozenTrainer("efficientnet_lite0").scorer(folder)(payloads)

    assert np.mean(scores.probs.argmax(axis=1) == [column for _, column in pairs]) > 0.9
    assert scores.embeddings.shape == (30, PRESET.n_features)


def test_training_twice_gives_the_same_model(folder: Path, tmp_path: Path) -> None:
    """Bit for bit: the digest of its files is the identity of a model."""
    pairs, load, _ = featured(90)
    trainer = FrozenTrainer("efficientnet_lite0")
    trainer.train(pairs[:60], pairs[60:], labels=COLOURS, load=load, folder=tmp_path / "again")

    for name in ("head.npz", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_model_outlives_a_change_of_the_preset(folder: Path, tmp_path: Path) -> None:
    """Whatever preset the settings name by now, the card says how the saved model scores."""
    pairs, load = coloured(30, size=32)
    TorchTrainer(epochs=1).train(pairs, [], labels=COLOURS, load=load, folder=tmp_path / "tiny")
    trainers = (TorchTrainer(), FrozenTrainer("efficientnet_lite0"))
    small, large = [load(pairs[0][0]).payload], open_backbone(PRESET).features(noise(1))

    assert [one.scorer(folder).preset for one in trainers] == ["efficientnet_lite0"] * 2
    assert [one.scorer(tmp_path / "tiny").preset for one in trainers] == ["tiny"] * 2
    for saved, payloads in ((folder, large), (tmp_path / "tiny", small)):
        first, second = (one.scorer(saved)(payloads).probs for one in trainers)
        assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"backbone_sha256": "0" * 64},
            r"with weights 000000000000\.\.\., which this goldloop does not have",
        ),
        ({"fit": "pad"}, r"at size 224 \(pad\)"),
        ({"labels": ["red", "green"]}, r"does not hold a head of 2 labels on 1280 features"),
    ],
)
def test_a_head_that_does_not_fit_its_card_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Another backbone, another form of the pictures, other labels: no model scores by accident."""
    card = json.loads((folder / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, **change, "offsets": []}))
    (tmp_path / "head.npz").write_bytes((folder / "head.npz").read_bytes())

    with pytest.raises(ModelError, match=message):
        FrozenTrainer("efficientnet_lite0").scorer(tmp_path)


def test_a_payload_of_another_preset_is_named() -> None:
    """The error says which payload, what it is, and what the preset takes."""
    with pytest.raises(ModelError, match=r"payload 1 is uint8 \(32, 32, 3\), this preset takes uint8 \(224"):
        open_backbone(PRESET).features([*noise(1), np.zeros((32, 32, 3), dtype=np.uint8)])


def test_a_head_takes_features_alone(folder: Path) -> None:
    """Pixels, or features of another backbone, are named with the way on."""
    with pytest.raises(ModelError, match=r"payload 0 has the shape \(96,\), .* takes 1280 features"):
        FrozenTrainer("efficientnet_lite0").scorer(folder)([np.zeros(96, dtype=np.float16)])


def points(n: int, *, n_wrong: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return n points of 40 features, none negative, around four centres, and labels, some of them wrong."""
    rng = np.random.default_rng(seed)
    columns = np.arange(n) % 4
    centres = np.random.default_rng(9).random((4, 40))
    features = np.clip(centres[columns] + rng.normal(0, 0.35, (n, 40)), 0, None).astype(np.float32)
    wrong = rng.choice(n, n_wrong, replace=False)
    labels = columns.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 4, n_wrong)) % 4
    return features, labels


def test_wrong_labels_are_regularised_more() -> None:
    """Cross-validation gives a careless crowd's labels a smaller C, and the head that results is better."""
    clean, careless = points(300, n_wrong=0), points(300, n_wrong=90)
    strengths = [Head.fitted(*one, 4).inverse_regularisation for one in (clean, careless)]

    assert strengths[1] < strengths[0]


@pytest.mark.parametrize("present", [[2], [0, 3], [0, 1, 3]])
def test_labels_without_samples_hardly_ever_occur(present: list[int]) -> None:
    """One label, two or three of four: the others get next to no probability."""
    features, columns = points(80, n_wrong=0)
    kept = np.isin(columns, present)
    logits = Head.fitted(features[kept], columns[kept], 4).logits(features[kept])
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    assert probs[:, [label for label in range(4) if label not in present]].sum(axis=1).max() < 0.05
    assert np.mean(probs.argmax(axis=1) == columns[kept]) > 0.9


def test_few_samples_are_not_cross_validated() -> None:
    """With fewer than two samples a fold, no choice is better than another."""
    features, columns = points(9, n_wrong=0)

    assert cross_validated(features.astype(float), columns, 4) == CrossValidation(1.0)
