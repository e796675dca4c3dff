"""Write the features of a frozen backbone to a file, which benches then take in place of pictures.

DIR holds images/ and labels.csv with the columns file, label and, where people's answers exist, human_1,
human_2 and so on. FILE.npz gets x (n, n_features), y (n,) columns of the labels in sorted order, and answers
(n, n_votes); with --cameras also x_blur and x_dark, features of the same pictures blurred and darkened.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Backbone
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from models.image.presets import FROZEN
from scripts.bench.common import say
from scripts.bench.pictures import CAMERAS, Columns, Truth, listed

AT_ONCE = 32
ARRAYS = {camera: "x" if camera == "plain" else f"x_{camera}" for camera in CAMERAS}
"""By camera, the array of a file that holds the features."""

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFile(Truth):
    """Samples with their features (n, n_features) by camera; `plain` is always among the cameras."""

    by_camera: dict[str, Features]

    @property
    def plain(self) -> Features:
        """Features of the samples as they are, (n, n_features)."""
        return self.by_camera["plain"]


def holds_features(path: Path) -> bool:
    """Return whether `path` holds features, not a model's logits."""
    with np.load(path) as arrays:
        return "x" in arrays and "y" in arrays


def read_features(path: Path) -> FeatureFile:
    """Return the samples of a file that this command wrote."""
    with np.load(path) as arrays:
        read = {name: arrays[name] for name in arrays.files}
    truth, answers = read["y"].astype(np.intp), read.get("answers")
    by_camera = {camera: read[name].astype(np.float32) for camera, name in ARRAYS.items() if name in read}
    n_labels = 1 + int(max(columns.max() for columns in (truth, answers) if columns is not None))
    return FeatureFile(
        labels=LabelSet(tuple(f"label {column}" for column in range(n_labels))),
        truth=truth,
        answers=None if answers is None else answers.astype(np.intp),
        by_camera=by_camera,
    )


def crowd_answers(path: Path, seed: int) -> Columns:
    """Return one real answer to each sample of a file, drawn by `seed`, (n,)."""
    with np.load(path) as arrays:
        if "answers" not in arrays:
            raise SystemExit(f"{path} has no array `answers` (n, n_votes) of people's answers")
        answers = arrays["answers"].astype(np.intp)
    votes = np.random.default_rng(seed).integers(0, answers.shape[1], (len(answers), 1))
    return np.take_along_axis(answers, votes, axis=1)[:, 0]


def write_features(
    path: Path, files: list[Path], known: Truth, *, backbone: Backbone, form: Form, cameras: list[str]
) -> None:
    """Write to `path` what is `known` of the pictures in `files`, and their features under each camera."""
    arrays: dict[str, Any] = {
        ARRAYS[camera]: features_of(files, camera, backbone=backbone, form=form) for camera in cameras
    }
    if known.answers is not None:
        arrays["answers"] = known.answers
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # a path alone would get the ending .npz
        np.savez(file, y=known.truth, **arrays)


def features_of(files: list[Path], camera: str, *, backbone: Backbone, form: Form) -> npt.NDArray[np.float16]:
    """Return the features (n, n_features) of pictures, each in `form` as `camera` shows it."""
    reader, parts = ImageReader(form), []
    for start in range(0, len(files), AT_ONCE):
        contents = (file.read_bytes() for file in files[start : start + AT_ONCE])
        parts.append(
            backbone.features([CAMERAS[camera](reader.decode(content).payload) for content in contents])
        )
    say(f"  {camera}: {len(files):,} pictures")
    return np.concatenate(parts)


def main() -> None:
    """Read the options and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="images/ and labels.csv")
    parser.add_argument("--preset", choices=list(FROZEN), required=True, help="the frozen backbone")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="the file to write")
    parser.add_argument("--pictures", type=int, metavar="N", help="use the first N pictures only")
    parser.add_argument("--cameras", action="store_true", help="write features of changed pictures too")
    options = parser.parse_args()
    from models.image.frozen import open_backbone  # torch, which readers of a file do without

    preset = FROZEN[options.preset]
    files, known = listed(options.data, limit=options.pictures)
    write_features(
        options.out,
        files,
        known,
        backbone=open_backbone(preset),
        form=preset.form,
        cameras=list(CAMERAS) if options.cameras else ["plain"],
    )


if __name__ == "__main__":
    main()
