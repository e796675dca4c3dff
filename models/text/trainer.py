"""The trainer of hashed words: from labelled texts to a saved, calibrated linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldloop.core.ports import Scorer
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.stats.metrics import Columns
from goldloop.training.ports import ServedModel
from models.linear_trainer import LinearTrainer
from models.text.export import served
from models.text.scorers import load_scorer
from models.text.words import WORDS, WordCard, WordModel, checked_texts, features_of, save


@dataclass(frozen=True, slots=True)
class WordTrainer(LinearTrainer):
    """Trains a logistic regression on hashed words. Satisfies `goldloop.training.ports.Trainer`."""

    preset: str = "words"

    def rows(self, payloads: Sequence[Any]) -> Any:
        """Return hashed words of `payloads`, which are texts."""
        return features_of(checked_texts(payloads))

    def fit(self, rows: Any, columns: Columns, n_labels: int) -> WordModel:
        """Return a model of words."""
        return WordModel.fitted(rows, columns, n_labels)

    def save(self, folder: Path, model: WordModel, **card: Any) -> None:
        """Write a model of words."""
        strength = model.inverse_regularisation
        save(folder, model, WordCard(**card, words=WORDS, inverse_regularisation=strength))

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def served(self, folder: Path, beside: Path, *, form: RecordForm = NO_FIELDS) -> ServedModel:
        """Write what the saved model needs to `beside`; return how to ask it."""
        return served(folder, beside)
