"""The trainer of a linear head on the features of a frozen backbone, whatever kind of samples it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from goldloop.stats.metrics import Columns
from models.frozen_preset import FrozenPreset
from models.growing_head import GrowingHead
from models.head import Head
from models.linear_trainer import LinearTrainer
from models.saved_head import HeadCard, checked_features, save


@dataclass(frozen=True, slots=True)
class HeadTrainer(LinearTrainer):
    """Trains a head on the features of one of `presets`, which each kind of samples names.

    With a kind's `scorer` and `served` it is a `goldloop.training.ports.FeatureTrainer`.
    """

    presets: ClassVar[Mapping[str, FrozenPreset]] = {}

    @property
    def backbone(self) -> FrozenPreset:
        """The backbone whose features the head takes."""
        return self.presets[self.preset]

    def rows(self, payloads: Sequence[Any]) -> Any:
        """Return `payloads`, which are features."""
        return checked_features(payloads, self.backbone)

    def fit(self, rows: Any, columns: Columns, n_labels: int) -> Any:
        """Return a head."""
        return Head.fitted(rows, columns, n_labels, roots=self.backbone.roots)

    def save(self, folder: Path, model: Any, **card: Any) -> None:
        """Write a head."""
        save(folder, model, HeadCard(**card, **self.origin(model)))

    def origin(self, head: Head) -> dict[str, Any]:
        """Return the fields of a card that say what `head` stands on."""
        backbone = self.backbone
        return {
            "backbone_sha256": backbone.weights_sha256,
            "licence": backbone.licence,
            "size": backbone.size,
            "fit": backbone.fit,
            "inverse_regularisation": head.inverse_regularisation,
        }

    def fits(self, features: npt.NDArray[np.float16], n_labels: int) -> Callable[[], GrowingHead]:
        """Return what begins a series of fits on rows of `features` (n, n_features)."""
        return GrowingHead.on(features, n_labels, roots=self.backbone.roots).fresh
