"""The trainer: from labelled samples to a saved, calibrated model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import ServedModel, TrainedModel
from models.image.backbones import start_network
from models.image.data import Pictures, is_mirror_safe
from models.image.export import served
from models.image.network import device_of, threads_of
from models.image.presets import preset_named
from models.image.saved import ImageCard, save
from models.image.scorers import load_scorer
from models.image.train import fit, logits_of, steps_of
from models.training import Example, calibrated, checked_examples


@dataclass(frozen=True, slots=True)
class TorchTrainer:
    """Trains one preset. Satisfies `goldloop.training.ports.Trainer`.

    The same samples in the same order, settings and seed give the same weights bit for bit on a CPU with
    the tiny preset; the others also depend on the number of cores and on the accelerator.
    """

    preset: str = "tiny"
    weights: str = "auto"
    seed: int = 0
    epochs: int | None = None
    cross_fits: ClassVar[bool] = False

    def train(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        *,
        labels: LabelSet,
        load: Callable[[SampleId], Decoded],
        folder: Path,
        advance: Callable[[float], None] = lambda _: None,
        validation_weights: Sequence[float] | None = None,
        folds: Sequence[int] | None = None,
    ) -> TrainedModel:
        """Train, calibrate and save as `Trainer` says; labels without a sample hardly ever occur.

        Raises:
            ModelError: the preset is unknown, pretrained weights were demanded and cannot be had, or a
                payload does not fit the preset.
        """
        preset = preset_named(self.preset)
        weights = checked_examples(train, validation, validation_weights, labels)
        with threads_of(preset), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self.seed)
            start = start_network(preset, len(labels), weights=self.weights)
            network = start.network.to(device_of(preset))
            pictures = Pictures(train, load, size=preset.size)
            judged = Pictures(validation, load, size=preset.size)
            is_mirrored = is_mirror_safe(pictures)
            history = fit(
                network,
                pictures,
                judged,
                weights=weights,
                preset=preset,
                is_mirrored=is_mirrored,
                learning_rate=start.learning_rate,
                n_steps=steps_of(preset, len(train), epochs=self.epochs),
                generator=torch.Generator().manual_seed(self.seed),
                advance=advance,
            )
            calibration, notes = calibrated(logits_of(network, judged), judged.columns, weights)
        card = ImageCard(
            labels=labels.names,
            preset=preset.name,
            size=preset.size,
            temperature=calibration.temperature,
            offsets=calibration.offsets,
            weights_origin=start.origin,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            is_mirrored=is_mirrored,
            notes=(*start.notes, *notes),
        )
        save(folder, network, card)
        return TrainedModel(folder, history, card.notes)

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def served(self, folder: Path, beside: Path, *, form: RecordForm = NO_FIELDS) -> ServedModel:
        """Write the saved model as one network from pictures to probs to `beside`; return how to ask it."""
        return served(folder, beside)
