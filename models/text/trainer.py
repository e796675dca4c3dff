"""The trainer of texts: from labelled samples to a saved, calibrated linear model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.calibration import Calibration
from goldloop.training.ports import TrainedModel
from models.linear import fit_linear
from models.text.ngrams import N_FEATURES, Linear, TextCard, embeddings_of, features_of, load, save
from models.training import Example, calibrated, checked_examples, validation_figures

INVERSE_REGULARISATION = 30.0
"""`C` of scikit-learn. Of 3, 10 and 30, 30 was best or equal on SMS and chat turns, 500 and 1,500 texts."""


@dataclass(frozen=True, slots=True)
class NgramTrainer:
    """Trains a logistic regression on hashed n-grams. Satisfies `goldloop.training.ports.Trainer`.

    The same samples in the same order give the same weights, bit for bit. Rare labels weigh no more than
    others: costs are computed from the probabilities, and reweighting would bias them.
    """

    preset: str = "ngrams"
    seed: int = 0
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
        """Train, calibrate and save as `Trainer` says; raises ModelError where the preset is unknown."""
        if self.preset != "ngrams":
            raise ModelError(f"model preset {self.preset!r} is unknown for texts; choose ngrams")
        weights = checked_examples(train, validation, validation_weights, labels)
        features, columns = _loaded(train, load)
        advance(0.3)
        model = _fitted(features, columns, len(labels))
        advance(0.9)
        judged, truth = _loaded(validation, load)
        logits = model.logits(judged)
        calibration, notes = calibrated(logits, truth, weights)
        card = TextCard(
            labels=labels.names,
            preset=self.preset,
            temperature=calibration.temperature,
            offsets=calibration.offsets,
            seed=self.seed,
            n_train=len(train),
            n_validation=len(validation),
            notes=notes,
        )
        save(folder, model, card)
        advance(1.0)
        figures = validation_figures(logits, truth, weights)
        return TrainedModel(folder, {name: (value,) for name, value in figures.items()}, notes)

    def scorer(self, folder: Path) -> NgramScorer:
        """Return the model saved in `folder`; raises ModelError where there is none."""
        model, card = load(folder)
        return NgramScorer(model, card.label_set, card.calibration)

    def exportable(self, folder: Path) -> None:
        """Return None: the saved arrays and the card are all there is, without a graph."""


@dataclass(frozen=True, slots=True)
class NgramScorer:
    """A saved text classifier. Satisfies `goldloop.core.ports.Scorer`; payloads are texts."""

    model: Linear
    labels: LabelSet
    calibration: Calibration
    preset: str = "ngrams"

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs and embeddings of `payloads`; raises ModelError for a payload that is no text."""
        for row, payload in enumerate(payloads):
            if not isinstance(payload, str):
                raise ModelError(f"payload {row} is a {type(payload).__name__}, this model takes texts")
        features = features_of(payloads)
        return Scores(self.calibration.apply(self.model.logits(features)), embeddings_of(features))


def _loaded(
    examples: Sequence[Example], load: Callable[[SampleId], Decoded]
) -> tuple[Any, npt.NDArray[np.intp]]:
    texts = [load(sample_id).payload for sample_id, _ in examples]
    return features_of(texts), np.array([column for _, column in examples], dtype=np.intp)


def _fitted(features: Any, columns: npt.NDArray[np.intp], n_labels: int) -> Linear:
    used = np.unique(features.indices)  # of the others the weights stay 0; they only make the steps slower
    rows, intercepts = fit_linear(
        features[:, used], columns, n_labels, inverse_regularisation=INVERSE_REGULARISATION
    )
    weights = np.zeros((n_labels, N_FEATURES), dtype=np.float32)
    weights[:, used] = rows
    return Linear(weights, intercepts.astype(np.float32))
