"""The trainer: from labelled samples to a saved, calibrated model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.metrics import checked_weights
from goldloop.training.ports import TrainedModel
from models.image.backbones import start_network
from models.image.compute import device_of, seeded, threads_of
from models.image.data import Pictures
from models.image.predict import TorchScorer, exportable, load_scorer
from models.image.presets import preset_named
from models.image.saved import ImageCard, save
from models.image.train import Plan, Validation, fit
from models.training import Example, check_examples


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

    @property
    def size(self) -> int:
        """Side of the payloads to train on, in pixels."""
        return preset_named(self.preset).size

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
    ) -> TrainedModel:
        """Train on (sample, column) pairs, calibrate on validation, save to `folder`.

        Labels without a sample are learned as never occurring. `advance` gets the share done, rising to 1.
        `validation_weights` (one for each of `validation`) are inverse inclusion probabilities, by default 1.

        Raises:
            EmptyPoolError: there is nothing to train on.
            InvalidProbabilitiesError: a weight is no positive number, or their number is another.
            LabelError: a column is outside the label set.
            ModelError: the preset is unknown, pretrained weights were demanded and cannot be had, or a
                payload does not fit the preset.
        """
        preset = preset_named(self.preset)
        check_examples(train, validation, labels)
        weights = checked_weights(validation_weights, len(validation))
        with threads_of(preset), seeded(self.seed) as generator:
            start = start_network(preset, len(labels), weights=self.weights)
            rate = preset.finetune_learning_rate if start.is_pretrained else preset.learning_rate
            network = start.network.to(device_of(preset))
            fitted = fit(
                network,
                Pictures(train, load, size=preset.size),
                Validation(Pictures(validation, load, size=preset.size), weights),
                plan=Plan(preset, rate, self.epochs),
                generator=generator,
                advance=advance,
            )
        notes = (*([start.warning] if start.warning else []), *fitted.notes)
        card = ImageCard(
            labels=labels.names,
            preset=preset.name,
            size=preset.size,
            temperature=fitted.calibration.temperature,
            offsets=fitted.calibration.offsets,
            weights_origin=start.origin,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            is_mirrored=fitted.is_mirrored,
            notes=notes,
        )
        save(folder, network, card)
        params: dict[str, str | int | float | bool | None] = {
            "size": preset.size,
            "batch_size": preset.batch_size,
            "learning_rate": rate,
            "weight_decay": preset.weight_decay,
            "steps": fitted.n_steps,
            "mirrored": fitted.is_mirrored,
            "weights_origin": start.origin,
            "temperature": fitted.calibration.temperature,
            "largest_offset": max(map(abs, fitted.calibration.offsets), default=0.0),
            "torch": torch.__version__,
        }
        return TrainedModel(folder, params, fitted.history, notes)

    def scorer(self, folder: Path) -> TorchScorer:
        """Return the model saved in `folder`; raises ModelError where there is none."""
        return load_scorer(folder)

    def exportable(self, folder: Path) -> tuple[nn.Module, npt.NDArray[np.uint8]]:
        """Return the saved model as one graph, and an example batch; see `predict.exportable`."""
        return exportable(folder)
