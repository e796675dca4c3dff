"""Real pictures with their true labels and, for CIFAR-10N, three real people's answers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from goldloop.core.labels import LabelSet

SIZE_PX = 32  # what the tiny preset takes

Columns = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pictures:
    """`images` (n, size, size, 3), `truth` (n,) columns of `labels`.

    `answers` (n, 3) are what three real people said, in no order of persons; None where nobody was asked.
    """

    labels: LabelSet
    images: Images
    truth: Columns
    answers: Columns | None

    def answers_in_order(self, seed: int) -> Columns:
        """Return the answers to each picture in a random order, (n, 3)."""
        if self.answers is None:
            raise SystemExit("these pictures have no answers of people; use cifar10")
        order = np.argsort(np.random.default_rng(seed).random(self.answers.shape), axis=1)
        return np.take_along_axis(self.answers, order, axis=1)


def load_pictures(folder: Path, *, size_px: int = SIZE_PX, limit: int | None = None) -> Pictures:
    """Return the first `limit` pictures (all if None) that `folder`/labels.csv names, `size_px` wide.

    Raises:
        SystemExit: there is no such file.
    """
    if not (folder / "labels.csv").is_file():
        raise SystemExit(
            f"{folder}/labels.csv does not exist; name the folder that holds {folder.name}/ with --data "
            "or in GOLDLOOP_TEST_DATA"
        )
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:limit]
    labels = LabelSet.of(sorted({row["label"] for row in rows}))
    images = np.zeros((len(rows), size_px, size_px, 3), dtype=np.uint8)
    for place, row in enumerate(rows):
        with Image.open(folder / "images" / row["file"]) as picture:
            picture.draft("RGB", (size_px, size_px))
            small = picture.convert("RGB").resize((size_px, size_px), Image.Resampling.BOX)
            images[place] = np.asarray(small)
    truth = np.array([labels.column(row["label"]) for row in rows], dtype=np.intp)
    answers = None
    if "human_1" in rows[0]:
        named = [[labels.column(row[f"human_{place}"]) for place in (1, 2, 3)] for row in rows]
        answers = np.array(named, dtype=np.intp)
    return Pictures(labels, images, truth, answers)
