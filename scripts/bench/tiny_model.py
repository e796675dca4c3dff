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


def trained(images: Images, columns: Columns, labels: LabelSet, *, n_validation: int, seed: int) -> Scorer:
    """Return a model of `images`, calibrated on the last `n_validation` of them; on 0 not calibrated."""
    from models.image.trainer import TorchTrainer

    pairs = [(SampleId(str(row)), column) for row, column in enumerate(columns.tolist())]
    cut = len(pairs) - n_validation
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        trainer = TorchTrainer(seed=seed)
        trainer.train(
            pairs[:cut],
            pairs[cut:],
            labels=labels,
            load=lambda sample_id: Decoded(images[int(sample_id)]),
            folder=folder,
        )
        return trainer.scorer(folder)


def scored(scorer: Scorer, images: Sequence[np.ndarray] | Images) -> Scores:
    """Return the model's scores of all `images`."""
    parts = [
        scorer(images[first : first + SCORED_AT_ONCE]) for first in range(0, len(images), SCORED_AT_ONCE)
    ]
    return Scores(
        np.concatenate([part.probs for part in parts]), np.concatenate([part.embeddings for part in parts])
    )
