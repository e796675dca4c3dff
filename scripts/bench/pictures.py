"""Real pictures with their true labels and, for CIFAR-10N, three real people's answers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from goldloop.core.labels import LabelSet

SIZE_PX = 32  # what the tiny preset takes

Columns = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]

CAMERAS: dict[str, Callable[[Images], Images]] = {
    "plain": lambda image: image,
    "blur": lambda image: gaussian_filter(image.astype(float), (1, 1, 0)).clip(0, 255).astype(np.uint8),
    "dark": lambda image: (image * 0.55).astype(np.uint8),
}
"""By name, what a camera makes of a picture (size, size, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known of n samples: `truth` (n,) columns of `labels`.

    `answers` (n, n_votes) are what real people said, in no order of persons; None where nobody was asked.
    """

    labels: LabelSet
    truth: Columns
    answers: Columns | None

    def answers_in_order(self, seed: int) -> Columns:
        """Return the answers to each sample in a random order, (n, n_votes)."""
        if self.answers is None:
            raise SystemExit("these samples have no answers of people; use cifar10, or a file with `answers`")
        order = np.argsort(np.random.default_rng(seed).random(self.answers.shape), axis=1)
        return np.take_along_axis(self.answers, order, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures(Truth):
    """Samples with their `images` (n, size, size, 3)."""

    images: Images


def load_pictures(folder: Path, *, size_px: int = SIZE_PX, limit: int | None = None) -> Pictures:
    """Return the first `limit` pictures (all if None) that `folder`/labels.csv names, `size_px` wide.

    Raises:
        SystemExit: there is no such file.
    """
    files, known = listed(folder, limit=limit)
    images = np.zeros((len(files), size_px, size_px, 3), dtype=np.uint8)
    for place, file in enumerate(files):
        with Image.open(file) as picture:
            picture.draft("RGB", (size_px, size_px))
            small = picture.convert("RGB").resize((size_px, size_px), Image.Resampling.BOX)
            images[place] = np.asarray(small)
    return Pictures(labels=known.labels, truth=known.truth, answers=known.answers, images=images)


def listed(folder: Path, *, limit: int | None = None) -> tuple[list[Path], Truth]:
    """Return the first `limit` files that `folder`/labels.csv names (all if None), and what is known of them.

    Raises:
        SystemExit: there is no such file.
    """
    if not (folder / "labels.csv").is_file():
        raise SystemExit(
            f"{folder}/labels.csv does not exist; name another folder with --data or in GOLDLOOP_TEST_DATA"
        )
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:limit]
    labels = LabelSet.of(sorted({row["label"] for row in rows}))
    truth = np.array([labels.column(row["label"]) for row in rows], dtype=np.intp)
    people = [name for name in rows[0] if name.startswith("human_")]
    answers = None
    if people:
        named = [[labels.column(row[person]) for person in people] for row in rows]
        answers = np.array(named, dtype=np.intp)
    files = [folder / "images" / row["file"] for row in rows]
    return files, Truth(labels=labels, truth=truth, answers=answers)
