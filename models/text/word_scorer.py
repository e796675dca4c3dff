"""The scorer of a saved model of hashed words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.stats.calibration import Calibration
from models.text.words import WordModel, checked_texts, embeddings_of, features_of, load


@dataclass(frozen=True, slots=True)
class WordScorer:
    """A saved text classifier. Satisfies `goldloop.core.ports.Scorer`; payloads are texts."""

    model: WordModel
    words: tuple[int, ...]
    labels: LabelSet
    calibration: Calibration
    preset: str = "words"

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs and embeddings of `payloads`; raises ModelError for a payload that is no text."""
        features = features_of(checked_texts(payloads), self.words)
        return Scores(self.calibration.apply(self.model.logits(features)), embeddings_of(features))


def load_words(folder: Path) -> WordScorer:
    """Return the model saved in `folder`, also one of the older preset `ngrams`."""
    model, card = load(folder)
    return WordScorer(model, card.words, card.label_set, card.calibration)
