"""Noisy pictures of three colours: quickly learned, never perfectly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.ports import TrainedModel
from models.image.trainer import TorchTrainer

COLOURS = LabelSet(("red", "green", "blue"))
Load = Callable[[SampleId], Decoded]


def coloured(
    n: int, *, seed: int = 0, noise: float = 60.0, size: int = 32
) -> tuple[list[tuple[SampleId, int]], Load]:
    """Return n noisy pictures of three colours, as (id, column) pairs and a function that loads them."""
    rng = np.random.default_rng(seed)
    columns = rng.permutation(np.arange(n) % 3)
    payloads = {}
    for row, column in enumerate(columns):
        picture = rng.normal(110, noise, (size, size, 3))
        picture[..., column] += 25
        payloads[SampleId(f"{seed}-{row}")] = np.clip(picture, 0, 255).astype(np.uint8)
    pairs = [(sample_id, int(column)) for sample_id, column in zip(payloads, columns, strict=True)]
    return pairs, lambda sample_id: Decoded(payloads[sample_id])


def payloads_of(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return n payloads and their true columns."""
    pairs, load = coloured(n, seed=seed)
    return [load(sample_id).payload for sample_id, _ in pairs], np.array([column for _, column in pairs])


def trained(folder: Path, train: Sequence[tuple[SampleId, int]], load: Load, **settings: int) -> TrainedModel:
    """Return a tiny model trained for two epochs on `train` without validation."""
    trainer = TorchTrainer(epochs=2, **settings)
    return trainer.train(train, [], labels=COLOURS, load=load, folder=folder)
