"""Saved image classifiers of any preset: the card names the preset, whatever the settings say by now."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.ports import Scorer
from models import saved_head
from models.image import saved
from models.image.presets import FROZEN
from models.saved_model import preset_of


def load_scorer(folder: Path) -> Scorer:
    """Return the model saved in `folder`; raises ModelError where there is none.

    A champion outlives a change of `model.preset`: it goes on scoring until a challenger of the new preset
    has passed the gate.
    """
    if preset_of(folder) in FROZEN:
        return saved_head.load(folder, FROZEN)
    return saved.TorchScorer(*saved.load(folder))
