"""The pictures and real answers of the label bench, and the order in which votes are bought."""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import parser
from PIL import Image
from platformdirs import user_cache_path

from goldloop.core.labels import LabelSet

Votes = npt.NDArray[np.intp]

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Answers:
    """`pictures` uint8 (n, 32, 32, 3); `votes` (n, 3) columns of `labels`; `truth` (n,), only for scoring."""

    labels: LabelSet
    pictures: npt.NDArray[np.uint8]
    votes: Votes
    truth: Votes

    def in_order(self, seed: int) -> Votes:
        """Return the votes of each picture in a random order, shape (n, 3)."""
        order = np.argsort(np.random.default_rng(seed).random(self.votes.shape), axis=1)
        return np.take_along_axis(self.votes, order, axis=1)


def answers_parser(description: str) -> argparse.ArgumentParser:
    """Return the options of a bench on these answers, with a model that is trained on them once."""
    options = parser(description)
    options.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("GOLDLOOP_TEST_DATA", _BESIDE)),
        metavar="FOLDER",
        help="folder that holds cifar10/ (default: GOLDLOOP_TEST_DATA, or where the tests look)",
    )
    options.add_argument(
        "--cache",
        type=Path,
        default=user_cache_path("goldloop") / "bench-labels",
        metavar="FOLDER",
        help="keeps what the models said, so that only the first run of any of these benches trains",
    )
    return options


def load_answers(folder: Path, limit: int | None) -> Answers:
    """Return the first `limit` pictures of `folder`/cifar10 (all if None) with their three answers."""
    found = folder / "cifar10"
    if not (found / "labels.csv").is_file():
        raise SystemExit(
            f"{found}/labels.csv does not exist; name the folder that holds cifar10/ with --data "
            "or in GOLDLOOP_TEST_DATA"
        )
    with (found / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:limit]
    labels = LabelSet.of(sorted({row["label"] for row in rows}))
    pictures = np.stack(
        [np.asarray(Image.open(found / "images" / row["file"]).convert("RGB")) for row in rows]
    )
    votes = [[labels.column(row[f"human_{number}"]) for number in (1, 2, 3)] for row in rows]
    truth = [labels.column(row["label"]) for row in rows]
    return Answers(labels, pictures, np.array(votes, dtype=np.intp), np.array(truth, dtype=np.intp))
