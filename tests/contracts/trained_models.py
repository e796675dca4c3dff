"""How a server loads a small model, and what a retrain records about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate
from goldloop.training.ports import InputColumn, ServedModel, TrainingRecord, TrainingStart
from goldloop.training.promotion import decide, evaluate

START = TrainingStart(
    name="round 3",
    params={"preset": "tiny", "epochs": 12, "note": None},
    gold_uri="/somewhere/tables/gold",
    gold_version=17,
    gold_digest="ab" * 32,
    tags={"goldloop.round": "3"},
)


def served_words(beside: Path) -> ServedModel:
    """Return how a server loads a model of words, with nothing in the folder `beside`."""
    return ServedModel("models.served.words", beside, (InputColumn("text", "string"),))


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
