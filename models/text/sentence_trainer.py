"""The trainer of models on sentence embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from goldloop.core.ports import Scorer
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.stats.metrics import Columns
from goldloop.training.ports import ServedModel
from models.frozen_preset import FrozenPreset
from models.head_trainer import HeadTrainer
from models.text.export import served
from models.text.presets import FROZEN
from models.text.scorers import load_scorer
from models.text.sentences import SentenceCard, SentenceModel, rows_of, save


@dataclass(frozen=True, slots=True)
class SentenceTrainer(HeadTrainer):
    """Trains a head on sentence embeddings. Satisfies `goldloop.training.ports.FeatureTrainer`."""

    presets: ClassVar[Mapping[str, FrozenPreset]] = FROZEN

    def rows(self, payloads: Sequence[Any]) -> Any:
        """Return embeddings and hashed words of `payloads`, which are texts with their features."""
        return rows_of(payloads, self.backbone)

    def fit(self, rows: Any, columns: Columns, n_labels: int) -> SentenceModel:
        """Return a head, averaged with a model of words where that is better."""
        return SentenceModel.fitted(rows, columns, n_labels)

    def notes(self, model: SentenceModel) -> tuple[str, ...]:
        """Return that words are averaged in, and why."""
        if model.words is None or model.losses is None:
            return ()
        alone, both = model.losses
        return (
            f"the model averages sentence embeddings and hashed words: cross-validated log loss {both:.3f}, "
            f"of the embeddings alone {alone:.3f}",
        )

    def save(self, folder: Path, model: SentenceModel, **card: Any) -> None:
        """Write a model of sentences."""
        strength = None if model.words is None else model.words.inverse_regularisation
        origin = self.origin(model.head)
        losses = model.losses or ()
        save(folder, model, SentenceCard(**card, **origin, words_regularisation=strength, losses=losses))

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def served(self, folder: Path, beside: Path, *, form: RecordForm = NO_FIELDS) -> ServedModel:
        """Write what the saved model needs to `beside`; return how to ask it."""
        return served(folder, beside)
