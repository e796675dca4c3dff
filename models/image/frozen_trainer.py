"""The trainer of a linear head on a frozen backbone of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from goldloop.core.ports import Scorer
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.training.ports import ServedModel
from models.frozen_preset import FrozenPreset
from models.head_trainer import HeadTrainer
from models.image.export import served
from models.image.presets import FROZEN
from models.image.scorers import load_scorer


@dataclass(frozen=True, slots=True)
class FrozenTrainer(HeadTrainer):
    """Trains a head on features of pictures. Satisfies `goldloop.training.ports.FeatureTrainer`."""

    presets: ClassVar[Mapping[str, FrozenPreset]] = FROZEN

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def served(self, folder: Path, beside: Path, *, form: RecordForm = NO_FIELDS) -> ServedModel:
        """Write the backbone of the saved model to `beside`; return how to ask both."""
        return served(folder, beside)
