"""The classifier and the frozen backbones of each kind of samples; torch is imported where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from goldloop.core.ports import Backbone
from goldloop.settings.sections import ModelSettings
from goldloop.training.ports import Trainer
from models.frozen_preset import FrozenPreset
from models.image.presets import FROZEN as OF_IMAGES
from models.text.presets import FROZEN as OF_TEXTS


def _image_trainer(model: ModelSettings) -> Trainer:
    if model.preset in OF_IMAGES:
        from models.image.frozen_trainer import FrozenTrainer

        return FrozenTrainer(preset=model.preset, seed=model.seed)
    from models.image.trainer import TorchTrainer

    return TorchTrainer(preset=model.preset, weights=model.weights, seed=model.seed, epochs=model.epochs)


def _text_trainer(model: ModelSettings) -> Trainer:
    if model.preset in OF_TEXTS:
        from models.text.sentence_trainer import SentenceTrainer

        return SentenceTrainer(preset=model.preset, seed=model.seed)
    from models.text.trainer import WordTrainer

    return WordTrainer(seed=model.seed)


def _record_trainer(model: ModelSettings) -> Trainer:
    from models.record.trainer import RecordTrainer

    return RecordTrainer(preset=model.preset, seed=model.seed)


TRAINERS: Mapping[str, Callable[[ModelSettings], Trainer]] = {
    "image": _image_trainer,
    "text": _text_trainer,
    "records": _record_trainer,
}
"""From the setting `kind` to a function of the model's settings that returns what makes its classifiers."""

FROZEN: Mapping[str, FrozenPreset] = {**OF_IMAGES, **OF_TEXTS}
"""The presets with a frozen backbone, of all kinds."""

LICENCES: Mapping[str, str] = {name: preset.licence for name, preset in FROZEN.items()}
"""Licence of the published weights of each of these."""

TAKE_CONTENT = frozenset(OF_TEXTS)
"""Presets whose models take the content of a sample beside its features."""


def open_backbone(preset: str) -> Backbone:
    """Return the backbone of `preset`; raises ModelError where its weights cannot be had."""
    if preset in OF_TEXTS:
        from models.text.frozen import open_backbone as open_of_text

        return open_of_text(OF_TEXTS[preset])
    from models.image.frozen import open_backbone as open_of_image

    return open_of_image(OF_IMAGES[preset])
