"""The trainer of a linear head on a frozen backbone of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from goldloop.core.ports import Scorer
from models.frozen_preset import FrozenPreset
from models.head_trainer import HeadTrainer
from models.image.head_graph import HeadGraph
from models.image.presets import FROZEN
from models.image.scorers import load_scorer
from models.saved_head import load


@dataclass(frozen=True, slots=True)
class FrozenTrainer(HeadTrainer):
    """Trains a head on features of pictures. Satisfies `goldloop.training.ports.FeatureTrainer`."""

    presets: ClassVar[Mapping[str, FrozenPreset]] = FROZEN

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def exportable(self, folder: Path) -> tuple[HeadGraph, npt.NDArray[np.uint8]]:
        """Return the saved model for torch.export, with its backbone, and an example batch of 2 pictures."""
        scorer = load(folder, FROZEN)
        size = scorer.backbone.size
        example = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
        return HeadGraph(scorer).eval(), example
