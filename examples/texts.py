"""Texts: made posts, of which some are spam; run: python -m examples.texts FOLDER."""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from examples.practice import practise
from goldloop.loop.ports import LoopPorts

WORDS = {
    "fine": ("lake", "walk", "dinner", "dog", "garden", "film", "train", "letter", "friend", "soup"),
    "spam": ("click", "win", "free", "prize", "claim", "cheap", "loan", "offer", "now", "winner"),
}


def made_posts(path: Path, n: int, seed: int = 0) -> dict[str, str]:
    """Write `n` posts to a CSV file with the columns id and text; return the label of each id."""
    draw, truth = random.Random(seed), {}
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("id", "text"))
        for number in range(n):
            label = "spam" if draw.random() < 0.3 else "fine"
            table.writerow((number, " ".join(draw.choices(WORDS[label], k=9)) + f" {number}"))
            truth[str(number)] = label
    return truth


def main(folder: Path, n: int = 400, *, rounds: int = 2) -> LoopPorts:
    """Make the posts and take them through some rounds."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = made_posts(folder / "posts.csv", n)
    return practise(
        folder / "workspace",
        folder / "posts.csv",
        truth,
        rounds=rounds,
        kind="text",
        labels=list(WORDS),
        selection={"budget_per_round": 150, "audit_rate": 0.3},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
