"""The tiny preset as goldloop trains it, on pictures in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer, Scores
from goldloop.core.samples import Decoded, SampleId
from scripts.bench.pictures import Columns, Images

SCORED_AT_ONCE = 256


def train(
    images: Images,
    columns: Columns,
    labels: LabelSet,
    *,
    n_validation: int,
    seed: int,
    folder: Path,
    **preset: int,
) -> Scorer:
    """Save a model of `images` to `folder`; the last `n_validation` of them calibrate it (0: nothing does)."""
    from models.image.trainer import TorchTrainer

    pairs = [(SampleId(str(row)), column) for row, column in enumerate(columns.tolist())]
    cut = len(pairs) - n_validation
    trainer = TorchTrainer(seed=seed, **preset)
    trainer.train(
        pairs[:cut],
        pairs[cut:],
        labels=labels,
        load=lambda sample_id: Decoded(images[int(sample_id)]),
        folder=folder,
    )
    return trainer.scorer(folder)


def trained(images: Images, columns: Columns, labels: LabelSet, *, n_validation: int, seed: int) -> Scorer:
    """Return a model of `images` whose files are deleted."""
    with TemporaryDirectory() as scratch:
        return train(
            images, columns, labels, n_validation=n_validation, seed=seed, folder=Path(scratch) / "model"
        )


def scored(scorer: Scorer, images: Sequence[np.ndarray] | Images) -> Scores:
    """Return the model's scores of all `images`."""
    parts = [
        scorer(images[first : first + SCORED_AT_ONCE]) for first in range(0, len(images), SCORED_AT_ONCE)
    ]
    return Scores(
        np.concatenate([part.probs for part in parts]), np.concatenate([part.embeddings for part in parts])
    )
