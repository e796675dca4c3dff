"""The trainer of a linear head on the features of a frozen backbone, whatever kind of samples it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import TrainedModel
from models.cross_fit import cross_fit, plain_fit
from models.frozen_preset import FrozenPreset
from models.growing_head import GrowingHead
from models.head import Head
from models.saved_head import HeadCard, checked_features, save
from models.training import Example, checked_examples, validation_figures


@dataclass(frozen=True, slots=True)
class HeadTrainer:
    """Trains a head on the features of one of `presets`, which each kind of samples names.

    With a kind's own `scorer` and `exportable` it satisfies `goldloop.training.ports.FeatureTrainer`.
    The same samples in the same order give the same head, bit for bit, on the same number of cores.
    """

    preset: str
    seed: int = 0
    presets: ClassVar[Mapping[str, FrozenPreset]] = {}
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
        preset = self.presets[self.preset]
        examples = [*train, *validation]
        features = checked_features([load(sample_id).payload for sample_id, _ in examples], preset)
        columns = np.array([column for _, column in examples], dtype=np.intp)
        fit = plain_fit if folds is None else partial(cross_fit, folds=np.array(folds, dtype=np.intp))
        fitted = fit(Head.fitted, features, columns, weights, labels=labels)
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
            size=preset.size,
            fit=preset.fit,
            inverse_regularisation=fitted.model.inverse_regularisation,
        )
        save(folder, fitted.model, card)
        advance(1.0)
        figures = validation_figures(fitted.logits, columns[len(train) :], weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, fitted.notes)

    def fits(self, features: npt.NDArray[np.float16], n_labels: int) -> Callable[[], GrowingHead]:
        """Return what begins a series of fits on rows of `features` (n, n_features)."""
        return GrowingHead.on(features, n_labels).fresh
