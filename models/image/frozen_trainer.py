"""The trainer of a linear head on a frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import TrainedModel
from models.image.cross_fit import cross_fit, plain_fit
from models.image.growing_head import GrowingHead
from models.image.presets import FROZEN
from models.image.saved_head import HeadCard, HeadGraph, checked_features, load, save
from models.image.scorers import load_scorer
from models.training import Example, checked_examples, validation_figures


@dataclass(frozen=True, slots=True)
class FrozenTrainer:
    """Trains a head on the features of a frozen backbone. Satisfies `goldloop.training.ports.FeatureTrainer`.

    The same samples in the same order give the same head, bit for bit, on the same number of cores.
    """

    preset: str
    seed: int = 0
    cross_fits: ClassVar[bool] = True

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
        """Fit the head, calibrate it and save it, as `Trainer` says; `load` returns features.

        Raises:
            ModelError: a payload is none of the features of the preset.
        """
        weights = checked_examples(train, validation, validation_weights, labels)
        preset = FROZEN[self.preset]
        examples = [*train, *validation]
        features = checked_features([load(sample_id).payload for sample_id, _ in examples], preset)
        columns = np.array([column for _, column in examples], dtype=np.intp)
        fit = plain_fit if folds is None else partial(cross_fit, folds=np.array(folds, dtype=np.intp))
        fitted = fit(features, columns, weights, labels=labels)
        card = HeadCard(
            labels=labels.names,
            preset=self.preset,
            temperature=fitted.calibration.temperature,
            offsets=fitted.calibration.offsets,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            notes=fitted.notes,
            backbone_sha256=preset.weights_sha256,
            licence=preset.licence,
            size=preset.form.size,
            fit=preset.form.fit,
            inverse_regularisation=fitted.head.inverse_regularisation,
        )
        save(folder, fitted.head, card)
        advance(1.0)
        figures = validation_figures(fitted.logits, columns[len(train) :], weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, fitted.notes)

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def exportable(self, folder: Path) -> tuple[HeadGraph, npt.NDArray[np.uint8]]:
        """Return the saved model for torch.export, with its backbone, and an example batch of 2 pictures."""
        scorer = load(folder)
        size = scorer.backbone.form.size
        example = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
        return HeadGraph(scorer).eval(), example

    def fits(self, features: npt.NDArray[np.float16], n_labels: int) -> Callable[[], GrowingHead]:
        """Return what begins a series of fits on rows of `features` (n, n_features)."""
        return GrowingHead.on(features, n_labels).fresh
