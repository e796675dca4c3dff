"""Measure the candidates among which goldloop chooses a preset, on pictures made smaller or grey.

Each draw of 700 pictures trains a model of each candidate on 200 labels and judges it on the other 500.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from goldloop.core.labels import LabelSet
from goldloop.core.presets import CANDIDATES
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.image.square import squared
from goldloop.settings.sections import ModelSettings
from models.image.presets import FORMS, FROZEN
from models.kinds import TRAINERS
from scripts.bench.common import Report, options_of

N_PICTURES, N_TRAIN = 700, 200
Labelled = list[tuple[Image.Image, str]]
CASES: tuple[tuple[str, int, bool], ...] = (  # pictures, shorter side in pixels, in colour
    ("digits", 8, False),
    ("cifar10", 32, True),
    ("cifar10", 32, False),
    ("cifar10", 16, True),
    ("cifar10", 8, True),
    ("cifar10", 8, False),
    ("clothing", 64, True),
    ("clothing", 32, True),
    ("clothing", 32, False),
    ("clothing", 16, False),
    ("clothing", 8, False),
)


def drawn(name: str, data: Path, side: int, *, is_colour: bool, seed: int) -> Labelled:
    """Return a random draw of labelled pictures, reduced to `side` pixels."""
    random = np.random.default_rng(seed)
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        rows = random.permutation(len(digits.images))[:N_PICTURES]
        greys = [Image.fromarray((digits.images[row] * 15.9).astype(np.uint8)) for row in rows]
        return [(grey.convert("RGB"), str(digits.target[row])) for grey, row in zip(greys, rows, strict=True)]
    with (data / name / "labels.csv").open(newline="", encoding="utf-8") as file:
        listed = [(row["file"], row["label"]) for row in csv.DictReader(file)]
    chosen = [listed[row] for row in random.permutation(len(listed))[:N_PICTURES]]
    folder = data / name / "images"
    return [(_made(folder / file, side, is_colour=is_colour), label) for file, label in chosen]


def _made(path: Path, side: int, *, is_colour: bool) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    scale = side / min(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    return small if is_colour else small.convert("L").convert("RGB")


def hits(pictures: Labelled, preset: str) -> Iterator[bool]:
    """Yield for each picture after the first N_TRAIN whether a model of these labels it right."""
    labels = LabelSet(tuple(sorted({label for _, label in pictures})))
    columns = [labels.column(label) for _, label in pictures]
    payloads = [squared(picture, FORMS[preset]) for picture, _ in pictures]
    if preset in FROZEN:
        from models.image.frozen import open_backbone

        payloads = list(open_backbone(FROZEN[preset]).features(payloads))
    trainer = TRAINERS["image"](ModelSettings(preset=preset))  # type: ignore[arg-type]
    with TemporaryDirectory() as folder:
        trainer.train(
            [(SampleId(str(row)), columns[row]) for row in range(N_TRAIN)],
            [],
            labels=labels,
            load=lambda sample_id: Decoded(payloads[int(sample_id)]),
            folder=Path(folder) / "model",
        )
        probs = trainer.scorer(Path(folder) / "model")(payloads[N_TRAIN:]).probs
    yield from (probs.argmax(axis=1) == columns[N_TRAIN:]).tolist()


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the accuracy of each candidate on each case, over `--n` draws."""
    for name, side, is_colour in CASES:
        draws = [
            drawn(name, options.data, side, is_colour=is_colour, seed=options.seed + number)
            for number in range(options.n)
        ]
        for preset in CANDIDATES:
            right = [is_right for pictures in draws for is_right in hits(pictures, preset)]
            report.share(f"presets/{name}/{side} px {'colour' if is_colour else 'grey'}/{preset}", right)


def main() -> None:
    """Run the bench."""
    parser = options_of(__doc__, n=2, counted="draws of pictures")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="cifar10/ and clothing/")
    options = parser.parse_args()
    report = Report(options)
    run(report, options)
    report.close()


if __name__ == "__main__":
    main()
