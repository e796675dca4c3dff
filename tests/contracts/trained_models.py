"""A small torch module, and what a retrain records about it."""

from __future__ import annotations

from typing import Any

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate
from goldloop.training.ports import TrainingRecord, TrainingStart
from goldloop.training.promotion import decide, evaluate

EXAMPLE = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
START = TrainingStart(
    name="round 3",
    params={"preset": "tiny", "epochs": 12, "note": None},
    gold_uri="/somewhere/tables/gold",
    gold_version=17,
    gold_digest="ab" * 32,
    tags={"goldloop.round": "3"},
)


def graph() -> Any:
    """Return a torch module from a uint8 batch to probs over three labels."""
    import torch

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.head = torch.nn.Linear(3, 3)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.head(batch.float().mean(dim=(1, 2)) / 255), dim=1)

    return Mean().eval()


def record(version: str) -> TrainingRecord:
    """Return what a retrain of two labels leaves, with one label named awkwardly."""
    probs = np.tile([[0.9, 0.1]], (40, 1))
    judged = evaluate(
        probs,
        np.repeat(np.arange(2), [36, 4]),
        labels=LabelSet.of(["c++/c", "Käse"]),
        model_version=version,
        split="holdout",
        gold_version=17,
        gold_digest="ab" * 32,
    )
    decision = decide(
        GateSettings(margin=0.2),
        champion=judged,
        challenger=judged,
        comparison=Comparison(Estimate(0.0, -0.1, 0.1, 40), {}),
    )
    return TrainingRecord(
        evaluations={"challenger": judged, "baseline": judged},
        decision=decision,
        history={"train/loss": (1.5, 0.5, 0.25)},
        artifacts={"plots/confusion.svg": b"<svg/>", "plots/confusion.png": b"\x89PNG"},
    )
