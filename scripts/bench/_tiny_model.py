"""The tiny preset as goldloop trains it, and what it says of real pictures it never saw."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer, Scores
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.image import ImageReader

SIZE_PX = 32
MOST_PICTURES = 8000
SCORED_AT_ONCE = 256

Picture = npt.NDArray[np.uint8]


def read(folder: Path, seed: int) -> tuple[list[Picture], list[str]]:
    """Return up to MOST_PICTURES decoded pictures of `folder` in random order, and their labels."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))[:MOST_PICTURES]]
    reader = ImageReader(size=SIZE_PX)
    pictures = [reader.decode((folder / "images" / row["file"]).read_bytes()).payload for row in rows]
    return pictures, [row["label"] for row in rows]


def trained(
    pictures: Sequence[Picture], labels: Sequence[str], known: LabelSet, *, n_validation: int, seed: int
) -> Scorer:
    """Return a model of `pictures`, calibrated on the last `n_validation` of them; on 0 not calibrated."""
    from models.image.trainer import TorchTrainer

    pairs = [(SampleId(str(place)), known.column(label)) for place, label in enumerate(labels)]
    cut = len(pairs) - n_validation
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        trainer = TorchTrainer(seed=seed)
        trainer.train(
            pairs[:cut],
            pairs[cut:],
            labels=known,
            load=lambda one: Decoded(pictures[int(one)]),
            folder=folder,
        )
        return trainer.scorer(folder)


def scored(scorer: Scorer, pictures: Sequence[Picture]) -> Scores:
    """Return what the model says of all `pictures`."""
    parts = [
        scorer(pictures[start : start + SCORED_AT_ONCE]) for start in range(0, len(pictures), SCORED_AT_ONCE)
    ]
    return Scores(
        np.concatenate([one.probs for one in parts]), np.concatenate([one.embeddings for one in parts])
    )
