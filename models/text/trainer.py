"""The trainer of hashed words: from labelled texts to a saved, calibrated linear model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import TrainedModel
from models.cross_fit import cross_fit, plain_fit
from models.text.scorers import load_scorer
from models.text.words import WORDS, WordCard, WordModel, features_of, save
from models.training import Example, checked_examples, validation_figures


@dataclass(frozen=True, slots=True)
class WordTrainer:
    """Trains a logistic regression on hashed words. Satisfies `goldloop.training.ports.Trainer`.

    Cross-validation chooses the regularisation. The same samples in the same order give the same weights, bit
    for bit. Rare labels weigh no more than others: costs are computed from the probabilities, and reweighting
    would bias them.
    """

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
        """Train, calibrate and save as `Trainer` says; `load` returns texts."""
        weights = checked_examples(train, validation, validation_weights, labels)
        examples = [*train, *validation]
        features = features_of([load(sample_id).payload for sample_id, _ in examples])
        columns = np.array([column for _, column in examples], dtype=np.intp)
        advance(0.3)
        fit = plain_fit if folds is None else partial(cross_fit, folds=np.array(folds, dtype=np.intp))
        fitted = fit(WordModel.fitted, features, columns, weights, labels=labels)
        card = WordCard(
            labels=labels.names,
            preset="words",
            temperature=fitted.calibration.temperature,
            offsets=fitted.calibration.offsets,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            notes=fitted.notes,
            words=WORDS,
            inverse_regularisation=fitted.model.inverse_regularisation,
        )
        save(folder, fitted.model, card)
        advance(1.0)
        figures = validation_figures(fitted.logits, columns[len(train) :], weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, fitted.notes)

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def exportable(self, folder: Path) -> None:
        """Return None: the saved arrays and the card are all there is, without a graph."""
