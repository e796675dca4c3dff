"""The model presets by name: input size, normalisation and how each is trained. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.core.errors import ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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


def preset_named(name: str) -> Preset:
    """Return the preset called `name`; raises ModelError where there is none."""
    if name not in PRESETS:
        raise ModelError(f"model preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
