"""Pictures: drawn discs, squares and crosses; run: python -m examples.pictures FOLDER."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from examples.practice import practise
from goldloop.loop.ports import LoopPorts

LABELS = ("disc", "square", "cross")
SIDE = 24  # px


def drawn_pictures(folder: Path, n: int, seed: int = 0) -> dict[str, str]:
    """Draw `n` small grey pictures as PNG files into `folder`; return the label of each by file name."""
    draw, truth = random.Random(seed), {}
    for number in range(n):
        label = draw.choice(LABELS)
        picture = Image.new("L", (SIDE, SIDE), draw.randrange(60))
        pen, shade = ImageDraw.Draw(picture), draw.randrange(160, 256)
        left, top, size = draw.randrange(1, 9), draw.randrange(1, 9), draw.randrange(9, 14)
        box = (left, top, left + size, top + size)
        if label == "disc":
            pen.ellipse(box, fill=shade)
        elif label == "square":
            pen.rectangle(box, fill=shade)
        else:
            pen.line(box, fill=shade, width=2)
            pen.line((left, top + size, left + size, top), fill=shade, width=2)
        picture.save(folder / f"{number}.png")
        truth[str(number)] = label
    return truth


def main(folder: Path, n: int = 300, *, rounds: int = 2) -> LoopPorts:
    """Draw the pictures and take them through some rounds."""
    source = folder / "pictures"
    source.mkdir(parents=True, exist_ok=True)
    truth = drawn_pictures(source, n)
    return practise(
        folder / "workspace",
        source,
        truth,
        rounds=rounds,
        kind="image",
        labels=LABELS,
        model={"preset": "tiny", "epochs": 8},
        selection={"budget_per_round": 120, "audit_rate": 0.3},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
