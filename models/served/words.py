"""The loader of models of hashed words: texts in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldloop.modalities.text.posts import text_of
from models.served.answers import ServedClassifier, folders_of
from models.text.word_scorer import load_words

COLUMN = "text"


def _load_pyfunc(model: str) -> ServedClassifier:
    """Return the model in the folder `model`, for MLflow."""
    return load(*folders_of(model))


def load(saved: Path, beside: Path) -> ServedClassifier:
    """Return the model saved in `saved`, which needs nothing in `beside`."""
    del beside
    scorer = load_words(saved)
    return ServedClassifier(scorer.labels, text_in, lambda texts: scorer(texts).probs)


def text_in(row: Mapping[str, Any]) -> str:
    """Return the text of a row, which has no id here; raises UnreadableSampleError as the reader of texts."""
    return text_of({"id": "served", "text": row[COLUMN]})
