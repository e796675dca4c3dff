"""The demo's pictures: handwritten digits, a folder for each label, or a user's own folder with a CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from goldloop.core.errors import SourceError
from goldloop.core.samples import FileRef, sample_id_of
from scripts.demo_loop.labelled import LabelledSample, LabelledSamples, drawn, parted

if TYPE_CHECKING:
    from goldloop.wiring import Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(LabelledSample):
    """A picture in a file, whose true label is known."""

    path: Path


class Pictures(LabelledSamples[Picture]):
    """Pictures with known labels. Satisfies `scripts.demo_loop.labelled.LabelledSamples`."""

    kind, noun = "image", "pictures"

    def write_pool(self, folder: Path) -> Path:
        """Write the pool as a list file."""
        path = folder / "pool.txt"
        path.write_text("".join(f"{one.path}\n" for one in self.pool), encoding="utf-8")
        return path

    def payloads(self, parts: Wiring, samples: Sequence[Picture]) -> list[Any]:
        """Return the decoded pictures, or their features."""
        reader = parts.modality.for_preset(parts.settings.model.preset).reader
        files = [(one.sample_id, FileRef(str(one.path), 0, "")) for one in samples]
        return [one.decoded.payload for one in reader.again(files) if one.decoded]


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
        found.append(Picture(path=path, sample_id=sample_id_of(path.read_bytes()), label=str(label)))
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
    for row in drawn(rows, seed=seed, limit=limit):
        path = images / row["file"]
        if path.is_file():
            answers = tuple(row[name] for name in people)
            found.append(_picture(path, row["label"], answers))
    if not found:
        raise SourceError(f"none of the {len(rows)} files named in {labels_csv} lies in {images}")
    return _parted(found, seed=seed)


def label_folders(paths: list[Path], *, seed: int, limit: int | None) -> Pictures:
    """Return the pictures in `paths`; the folder of each is its label."""
    found = [_picture(path, path.parent.name) for path in drawn(paths, seed=seed, limit=limit)]
    return _parted(found, seed=seed)


def _picture(path: Path, label: str, answers: tuple[str, ...] = ()) -> Picture:
    sample_id = sample_id_of(path.read_bytes())
    return Picture(path=path.resolve(), sample_id=sample_id, label=label, answers=answers)


def _parted(found: list[Picture], *, seed: int) -> Pictures:
    pool, test = parted(found, seed=seed, place=lambda one: one.path)
    return Pictures(tuple(sorted({one.label for one in (*pool, *test)})), pool, test)
