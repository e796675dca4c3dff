"""The classifier of each kind of samples; torch is imported for images only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from goldloop.settings.sections import ModelSettings
from goldloop.training.ports import Trainer
from models.image.presets import FROZEN


def _image_trainer(model: ModelSettings) -> Trainer:
    if model.preset in FROZEN:
        from models.image.frozen_trainer import FrozenTrainer

        return FrozenTrainer(preset=model.preset, seed=model.seed)
    from models.image.trainer import TorchTrainer

    return TorchTrainer(preset=model.preset, weights=model.weights, seed=model.seed, epochs=model.epochs)


def _text_trainer(model: ModelSettings) -> Trainer:
    from models.text.trainer import WordTrainer

    return WordTrainer(seed=model.seed)


TRAINERS: Mapping[str, Callable[[ModelSettings], Trainer]] = {"image": _image_trainer, "text": _text_trainer}
"""From the setting `kind` to a function of the model's settings that returns what makes its classifiers."""
