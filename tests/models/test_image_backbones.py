"""Image presets: each has its network, and goldloop reports start weights that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from goldloop.core.errors import ModelError
from goldloop.core.presets import AUTO
from goldloop.settings.kinds import PRESETS as SETTINGS_PRESETS
from models.image import backbones
from models.image.presets import FORMS, FROZEN, PRESETS
from models.image.saved import load as load_saved
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured


def test_the_settings_and_the_models_know_the_same_presets() -> None:
    """A preset that goldloop.toml admits exists, and none is hidden from it."""
    assert set(FORMS) == {*PRESETS, *FROZEN} == set(SETTINGS_PRESETS["image"]) - {AUTO}


@pytest.mark.parametrize(("preset", "n_features"), [("tiny", 96), ("resnet18", 512), ("convnext_tiny", 768)])
def test_each_preset_gives_logits_and_embeddings(preset: str, n_features: int) -> None:
    """The network of every preset takes pictures of its size; its head sees one vector a picture."""
    network = backbones.empty_network(PRESETS[preset], 5).eval()
    side = PRESETS[preset].size
    with torch.inference_mode():
        logits, features = network(torch.zeros(2, 3, side, side))

    assert (logits.shape, features.shape) == ((2, 5), (2, n_features))


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

    assert load_saved(tmp_path / "m")[1].weights_origin == "scratch"
    assert "weights of preset 'resnet18' cannot be had: Name or service not known." in result.notes[0]
    assert "Training from scratch instead" in result.notes[0]
    assert scores.probs.shape == (1, 3)


@pytest.mark.usefixtures("no_weights")
def test_demanded_weights_that_cannot_be_had_are_an_error(tmp_path: Path) -> None:
    """With weights = 'pretrained' nothing is trained from scratch behind the user's back."""
    pairs, load = coloured(4, size=224)
    with pytest.raises(
        ModelError,
        match=r"'resnet18' cannot be had: Name .* set `weights` .* to 'auto' or 'scratch', or set `preset`",
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
