"""The demo's pictures: handwritten digits, a folder for each label, or a user's own folder with a CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from goldloop.core.errors import SourceError
from goldloop.core.samples import SampleId, sample_id_of

T = TypeVar("T")

TEST_SHARE = 0.28  # of the pictures, kept out of the loop to judge it from outside; 503 of the 1,797 digits


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose true label is known; `answers` are what real people once said, where the CSV tells."""

    path: Path
    sample_id: SampleId
    label: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pictures:
    """The label set, what enters the loop, and what stays outside to judge it."""

    labels: tuple[str, ...]
    pool: list[Picture]
    test: list[Picture]


def digits(folder: Path, *, seed: int) -> Pictures:
    """Write the 1,797 digits as 8 x 8 PNG files into `folder` and return them."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, (pixels, label) in enumerate(zip(bundle.images, bundle.target, strict=True)):
        path = folder / f"{number:04d}.png"
        if not path.exists():
            Image.fromarray((pixels * 255 / 16).round().astype(np.uint8)).save(path)
        found.append(Picture(path, sample_id_of(path.read_bytes()), str(label)))
    return _parted(found, seed=seed)


def own_images(images: Path, labels_csv: Path, *, seed: int, limit: int | None) -> Pictures:
    """Return the pictures in `images` that `labels_csv` names.

    Its columns: file, label, optionally human_1, human_2 and so on.

    Raises:
        SourceError: the CSV lacks a column or names no file of the folder.
    """
    with labels_csv.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise SourceError(
            f"{labels_csv} needs the columns file and label, has {list(rows[0]) if rows else 'no rows'}"
        )
    people = sorted(name for name in rows[0] if name.startswith("human_"))
    found = []
    for row in _drawn(rows, seed=seed, limit=limit):
        path = images / row["file"]
        if path.is_file():
            answers = tuple(row[name] for name in people)
            found.append(Picture(path.resolve(), sample_id_of(path.read_bytes()), row["label"], answers))
    if not found:
        raise SourceError(f"none of the {len(rows)} files named in {labels_csv} lies in {images}")
    return _parted(found, seed=seed)


def label_folders(paths: list[Path], *, seed: int, limit: int | None) -> Pictures:
    """Return the pictures in `paths`; the folder of each is its label."""
    found = [
        Picture(path.resolve(), sample_id_of(path.read_bytes()), path.parent.name)
        for path in _drawn(paths, seed=seed, limit=limit)
    ]
    return _parted(found, seed=seed)


def _drawn(found: list[T], *, seed: int, limit: int | None) -> list[T]:
    """Return `limit` of `found`, drawn by chance, in their order; all of them without a limit."""
    if not limit:
        return found
    return [found[place] for place in sorted(np.random.default_rng(seed).permutation(len(found))[:limit])]


def _parted(found: list[Picture], *, seed: int) -> Pictures:
    distinct = list({one.sample_id: one for one in found}.values())
    order = np.random.default_rng(seed).permutation(len(distinct))
    n_test = round(TEST_SHARE * len(distinct))
    return Pictures(
        labels=tuple(sorted({one.label for one in distinct})),
        pool=sorted((distinct[one] for one in order[n_test:]), key=lambda one: one.path),
        test=sorted((distinct[one] for one in order[:n_test]), key=lambda one: one.path),
    )


def write_list(pictures: list[Picture], path: Path) -> Path:
    """Write the pictures as a list file that `goldloop score` reads."""
    path.write_text("".join(f"{one.path}\n" for one in pictures), encoding="utf-8")
    return path
