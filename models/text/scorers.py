"""Saved text classifiers of any preset: the card names the preset, whatever the settings say by now."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.ports import Scorer
from models.text.word_scorer import load_words


def load_scorer(folder: Path) -> Scorer:
    """Return the model saved in `folder`; raises ModelError where there is none."""
    return load_words(folder)
