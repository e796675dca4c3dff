"""The model presets by name: input size, normalisation and how each is trained. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.core.errors import ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of classifier. `size` is the side of its square input in pixels.

    Training takes `epochs`, but no fewer than `min_steps` and no more than `max_steps` minibatches.
    Shifts, rotations (degrees) and scale of the augmentation are the largest drawn, relative to the side.
    """

    name: str
    size: int
    epochs: int
    min_steps: int
    max_steps: int
    batch_size: int
    learning_rate: float
    finetune_learning_rate: float
    weight_decay: float
    shift: float
    rotation: float
    scale: float
    threads: int | None
    has_pretrained: bool


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="tiny",
            size=32,
            epochs=30,
            min_steps=300,
            max_steps=8000,
            batch_size=32,
            learning_rate=0.004,
            finetune_learning_rate=0.004,
            weight_decay=0.05,
            shift=0.1,
            rotation=10,
            scale=0.1,
            threads=1,
            has_pretrained=False,
        ),
        Preset(
            name="resnet18",
            size=224,
            epochs=15,
            min_steps=150,
            max_steps=10_000,
            batch_size=32,
            learning_rate=0.001,
            finetune_learning_rate=0.0003,
            weight_decay=0.05,
            shift=0.08,
            rotation=8,
            scale=0.15,
            threads=None,
            has_pretrained=True,
        ),
        Preset(
            name="convnext_tiny",
            size=224,
            epochs=12,
            min_steps=150,
            max_steps=10_000,
            batch_size=32,
            learning_rate=0.0005,
            finetune_learning_rate=0.0001,
            weight_decay=0.05,
            shift=0.08,
            rotation=8,
            scale=0.15,
            threads=None,
            has_pretrained=True,
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Return the preset called `name`.

    Raises:
        ModelError: there is none.
    """
    if name not in PRESETS:
        raise ModelError(f"model preset {name!r} is unknown; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
