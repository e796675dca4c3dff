"""Frozen backbones: features of pictures from published weights that are never trained further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from goldloop.core.errors import ModelError
from models.image.backbone import Backbone
from models.image.backbones import headless
from models.image.dinov2 import DinoV2, for_size
from models.image.efficientnet_lite import EfficientNetLite
from models.image.network import fold_normalisation
from models.image.presets import FROZEN, FrozenImagePreset
from models.image.weights import weights_file
from models.runtime import onnx_file, open_runtime

DINOV2_PX = FROZEN["dinov2_vits14"].size


class FrozenNetwork(nn.Module):
    """The network of a preset with its weights: uint8 pictures (n, size, size, 3) to features."""

    mean: Tensor
    scale: Tensor

    def __init__(self, preset: FrozenImagePreset) -> None:
        super().__init__()
        path, body = weights_file(preset), BODIES[preset.name]
        for name, values in (("mean", preset.mean), ("scale", preset.scale)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)
        self.body = body.empty()
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.body.load_state_dict(body.adapted(state))
        except (OSError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"{path} does not hold the network of preset {preset.name!r}: {error}; use the goldloop that "
                "it belongs to"
            ) from error
        self.eval().requires_grad_(requires_grad=False)
        fold_normalisation(self.body)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of `pictures`."""
        features: Tensor = self.body((pictures.permute(0, 3, 1, 2).float() - self.mean) / self.scale)
        return features


@dataclass(frozen=True, slots=True)
class Body:
    """A network without weights, and what makes of a file of weights those that it takes."""

    empty: Callable[[], nn.Module]
    adapted: Callable[[dict[str, Tensor]], dict[str, Tensor]]


def _without(prefix: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    """Return what drops the parameters of a classifier of ImageNet."""
    return lambda state: {name: one for name, one in state.items() if not name.startswith(prefix)}


BODIES = {
    "efficientnet_lite0": Body(EfficientNetLite, _without("_fc.")),
    "frozen_convnext_tiny": Body(lambda: headless("convnext_tiny"), _without("classifier.2.")),
    "dinov2_vits14": Body(lambda: DinoV2(DINOV2_PX), lambda state: for_size(state, DINOV2_PX)),
}
"""The network of each preset with a frozen backbone."""


@cache
def open_backbone(preset: FrozenImagePreset) -> Backbone:
    """Return the backbone of `preset`.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    return Backbone(preset, open_runtime(*_network(preset)))


def backbone_file(preset: FrozenImagePreset) -> bytes:
    """Return the ONNX file of the backbone of `preset`; raises ModelError as `open_backbone`."""
    return onnx_file(*_network(preset))


def _network(preset: FrozenImagePreset) -> tuple[str, Callable[[], nn.Module], Tensor]:
    """Return a name of the network of `preset`, what makes it, and an example of what it takes."""
    weights_file(preset)
    name = f"{preset.name}-{preset.weights_sha256[:16]}"
    example = torch.zeros(2, preset.size, preset.size, 3, dtype=torch.uint8)
    return name, lambda: FrozenNetwork(preset), example
