"""What the trainers of linear models have in common: their samples, their fit and its calibration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.metrics import Columns
from goldloop.training.ports import TrainedModel
from models.cross_fit import cross_fit, plain_fit
from models.training import Example, checked_examples, validation_figures


@dataclass(frozen=True, slots=True)
class LinearTrainer(ABC):
    """Trains linear models. With `scorer` and `served` it satisfies `goldloop.training.ports.Trainer`.

    The same samples in the same order give the same model, bit for bit, on the same number of cores. Rare
    labels weigh no more than others: costs are computed from the probabilities, and reweighting would bias
    them.
    """

    preset: str
    seed: int = 0
    cross_fits: ClassVar[bool] = True
    corrects_shares: ClassVar[bool] = False

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
        """Fit, calibrate and save, as `Trainer` says; `load` returns what models of the preset take.

        Raises:
            ModelError: a payload is something else.
        """
        weights = checked_examples(train, validation, validation_weights, labels)
        examples = [*train, *validation]
        rows = self.rows([load(sample_id).payload for sample_id, _ in examples])
        columns = np.array([column for _, column in examples], dtype=np.intp)
        advance(0.3)
        fit = plain_fit if folds is None else partial(cross_fit, folds=np.array(folds, dtype=np.intp))
        corrects = self.corrects_shares
        fitted = fit(self.fit, rows, columns, weights, labels=labels, corrects_shares=corrects)
        notes = (*self.notes(fitted.model), *fitted.notes)
        self.save(
            folder,
            fitted.model,
            labels=labels.names,
            preset=self.preset,
            temperature=fitted.calibration.temperature,
            offsets=fitted.calibration.offsets,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            notes=notes,
        )
        advance(1.0)
        figures = validation_figures(fitted.logits, columns[len(train) :], weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, notes)

    @abstractmethod
    def rows(self, payloads: Sequence[Any]) -> Any:
        """Return `payloads` as rows that `fit` takes; raises ModelError where one is something else."""

    @abstractmethod
    def fit(self, rows: Any, columns: Columns, n_labels: int) -> Any:
        """Return a model fitted on `rows`, a `models.cross_fit.Fit`."""

    @abstractmethod
    def save(self, folder: Path, model: Any, **card: Any) -> None:
        """Write `model` and its card into `folder`; raises ModelError where it holds a model already."""

    def notes(self, model: Any) -> tuple[str, ...]:
        """Return what users should know of `model`."""
        return ()
