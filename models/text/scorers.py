"""Saved text classifiers of any preset: the card names the preset, whatever the settings say by now."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.ports import Scorer
from models.saved_model import preset_of
from models.text.presets import FROZEN
from models.text.sentences import load_sentences
from models.text.word_scorer import load_words


def load_scorer(folder: Path) -> Scorer:
    """Return the model saved in `folder`; raises ModelError where there is none.

    A champion outlives a change of `model.preset`, as among image models.
    """
    return load_sentences(folder) if preset_of(folder) in FROZEN else load_words(folder)
