"""goldloop's own tiny preset, trained on pictures in memory: the model of every bench on real pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer, Scores
from goldloop.core.samples import Decoded, SampleId
from scripts.bench.common import say
from scripts.bench.pictures import Columns, Images

SCORED_AT_ONCE = 256


def trained(
    images: Images, columns: Columns, labels: LabelSet, *, seed: int, n_validation: int = 0
) -> Scorer:
    """Return a model of `images` (n, 32, 32, 3) and their `columns` (n,).

    The last `n_validation` of them calibrate it; with 0 it is not calibrated.
    """
    with TemporaryDirectory() as folder:
        return saved(images, columns, labels, seed=seed, n_validation=n_validation, folder=Path(folder))


def saved(
    images: Images, columns: Columns, labels: LabelSet, *, seed: int, n_validation: int, folder: Path
) -> Scorer:
    """Save a model to `folder`/model and return it."""
    from models.image.trainer import TorchTrainer  # torch, which a run that trains nothing does without

    say(f"training the tiny preset on {len(columns):,} pictures")
    pairs = [(SampleId(str(row)), column) for row, column in enumerate(columns.tolist())]
    cut, trainer = len(pairs) - n_validation, TorchTrainer(seed=seed)
    trainer.train(
        pairs[:cut],
        pairs[cut:],
        labels=labels,
        load=lambda sample_id: Decoded(images[int(sample_id)]),
        folder=folder / "model",
    )
    return trainer.scorer(folder / "model")


def scored(scorer: Scorer, images: Sequence[Images] | Images) -> Scores:
    """Return the model's scores of all `images`."""
    parts = [
        scorer(list(images[first : first + SCORED_AT_ONCE]))
        for first in range(0, len(images), SCORED_AT_ONCE)
    ]
    return Scores(
        np.concatenate([part.probs for part in parts]), np.concatenate([part.embeddings for part in parts])
    )
