"""The trainer of a linear head on a frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import TrainedModel
from models.image.head import Head
from models.image.presets import FROZEN
from models.image.saved_head import HeadCard, HeadGraph, checked_features, load, save
from models.image.scorers import load_scorer
from models.training import Example, calibrated, checked_examples, validation_figures


@dataclass(frozen=True, slots=True)
class FrozenTrainer:
    """Trains a head on the features of a frozen backbone. Satisfies `goldloop.training.ports.Trainer`.

    The same samples in the same order give the same head, bit for bit, on the same number of cores.
    """

    preset: str
    seed: int = 0

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
        """Fit the head, calibrate it and save it, as `Trainer` says; `load` returns features.

        Raises:
            ModelError: a payload is none of the features of the preset.
        """
        weights = checked_examples(train, validation, validation_weights, labels)
        preset = FROZEN[self.preset]
        examples = [*train, *validation]
        features = checked_features([load(sample_id).payload for sample_id, _ in examples], preset)
        columns = np.array([column for _, column in examples], dtype=np.intp)
        head = Head.fitted(features[: len(train)], columns[: len(train)], len(labels))
        logits, truth = head.logits(features[len(train) :]), columns[len(train) :]
        calibration, notes = calibrated(logits, truth, weights)
        card = HeadCard(
            labels=labels.names,
            preset=self.preset,
            temperature=calibration.temperature,
            offsets=calibration.offsets,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            notes=notes,
            backbone_sha256=preset.weights_sha256,
            licence=preset.licence,
            size=preset.form.size,
            fit=preset.form.fit,
            inverse_regularisation=head.inverse_regularisation,
        )
        save(folder, head, card)
        advance(1.0)
        figures = validation_figures(logits, truth, weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, notes)

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def exportable(self, folder: Path) -> tuple[HeadGraph, npt.NDArray[np.uint8]]:
        """Return the saved model for torch.export, with its backbone, and an example batch of 2 pictures."""
        scorer = load(folder)
        size = scorer.backbone.form.size
        example = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
        return HeadGraph(scorer).eval(), example
