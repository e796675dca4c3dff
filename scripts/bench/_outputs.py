#!/usr/bin/env python3
"""Real model outputs with true labels: every picture is judged by a network that never saw it.

The pictures are dealt into folds; each fold is judged by a network that trained on the true labels of the
others. The logits are kept in a folder, fold by fold, so that only the first run of any bench trains.
Run as a script it trains what is asked for: `python scripts/bench/_outputs.py cifar10`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from _common import say
from PIL import Image
from platformdirs import user_cache_path

from goldloop.core.labels import LabelSet

if TYPE_CHECKING:
    from _labels_model import Stock

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
Pictures = npt.NDArray[np.uint8]

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("GOLDLOOP_TEST_DATA", _BESIDE))
CACHE = user_cache_path("goldloop") / "bench-outputs"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the outputs of one name are made: `folder` of pictures, their size in pixels, folds, epochs."""

    folder: str
    size_px: int
    n_folds: int
    epochs: int
    peak: float = 0.2  # of the learning rate
    seed: int = 0
    version: int = 1  # of the network and its training; another one trains anew


RECIPES = {
    "cifar10": Recipe("cifar10", size_px=32, n_folds=2, epochs=30),
    "cifar10_brief": Recipe("cifar10", size_px=32, n_folds=2, epochs=10, seed=10),
    "clothing": Recipe("clothing", size_px=64, n_folds=3, epochs=30, peak=0.1),
}
"""cifar10_brief is a second, weaker model of the same pictures, with the same folds."""

FOLD_SEED = 99
PLACES = ((0, 0), (-2, -2), (2, 2))  # a picture's logits are a mean over these shifts, in pixels


@dataclass(frozen=True, slots=True)
class Outputs:
    """`logits` (n, n_labels) and `truth` (n,), columns of `labels`; `files` (n,) in the same order.

    `fold` (n,) says which network judged a picture. `answers` (n, 3) are three real people's, as columns,
    in no order of persons; None where there are none.
    """

    labels: LabelSet
    logits: Floats
    truth: Columns
    files: tuple[str, ...]
    fold: Columns
    answers: Columns | None

    @property
    def accuracy(self) -> float:
        """Share of pictures whose largest logit is the true label's."""
        return float((self.logits.argmax(axis=1) == self.truth).mean())


def outputs(name: str, folder: Path = DATA, cache: Path = CACHE) -> Outputs:
    """Return the outputs called `name` in RECIPES for the pictures in `folder`; trains what `cache` lacks.

    Any other name is a file, NAME.npz with `logits` (n, n_labels), `truth` (n,) and perhaps `answers` (n, 3).
    """
    if name not in RECIPES:
        return _from_file(Path(name))
    recipe = RECIPES[name]
    rows = _rows(folder / recipe.folder)
    labels = LabelSet.of(sorted({row["label"] for row in rows}))
    truth = np.array([labels.column(row["label"]) for row in rows], dtype=np.intp)
    fold = np.random.default_rng(FOLD_SEED).permutation(len(rows)) % recipe.n_folds
    files = [folder / recipe.folder / "images" / row["file"] for row in rows]
    kept = {
        number: cache / f"{name}-{_digest(recipe, rows)}-{number}.npy" for number in range(recipe.n_folds)
    }
    missing = {number: path for number, path in kept.items() if not path.exists()}
    if missing:
        _train(missing, recipe, files, truth, fold)
    logits = np.zeros((len(rows), len(labels)))
    for number, path in kept.items():
        logits[fold == number] = np.load(path)
    return Outputs(labels, logits, truth, tuple(row["file"] for row in rows), fold, _answers(rows, labels))


def _from_file(path: Path) -> Outputs:
    if not path.is_file():
        raise SystemExit(f"{path} is neither a file nor one of {', '.join(RECIPES)}")
    with np.load(path) as read:
        logits, truth = read["logits"].astype(np.float64), read["truth"].astype(np.intp)
        answers = read["answers"].astype(np.intp) if "answers" in read else None
    labels = LabelSet(tuple(f"label {column}" for column in range(logits.shape[1])))
    return Outputs(labels, logits, truth, (), np.zeros(len(truth), dtype=np.intp), answers)


def _answers(rows: list[dict[str, str]], labels: LabelSet) -> Columns | None:
    if "human_1" not in rows[0]:
        return None
    said = [[labels.column(row[f"human_{one}"]) for one in (1, 2, 3)] for row in rows]
    return np.array(said, dtype=np.intp)


def _rows(folder: Path) -> list[dict[str, str]]:
    if not (folder / "labels.csv").is_file():
        raise SystemExit(
            f"{folder}/labels.csv does not exist; name the folder that holds {folder.name}/ with --data "
            "or in GOLDLOOP_TEST_DATA"
        )
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _digest(recipe: Recipe, rows: list[dict[str, str]]) -> str:
    told = [asdict(recipe), [(row["file"], row["label"]) for row in rows]]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _train(
    missing: dict[int, Path], recipe: Recipe, files: list[Path], truth: Columns, fold: Columns
) -> None:
    """Train for each of the `missing` folds and keep its logits at the path given."""
    from _labels_model import Stock  # torch, which whoever only reads can do without

    stock = Stock(_pictures(files, recipe.size_px))
    for number, path in missing.items():
        say(f"training for fold {number + 1} of {recipe.n_folds} of {recipe.folder}, {recipe.epochs} epochs")
        logits = _fold_logits(stock, recipe, truth, fold, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, logits.astype(np.float32))
        partial.replace(path)


def _fold_logits(stock: Stock, recipe: Recipe, truth: Columns, fold: Columns, number: int) -> Floats:
    """Return the logits of fold `number`, by a network that trained on all others."""
    import torch
    from _labels_model import Network, fit, logits_of

    n_labels, seed = int(truth.max()) + 1, recipe.seed + number
    torch.manual_seed(seed)
    network = Network(n_labels, size_px=recipe.size_px).to(memory_format=torch.channels_last)
    seen, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
    fit(
        network, stock, seen, np.eye(n_labels)[truth[seen]], epochs=recipe.epochs, peak=recipe.peak, seed=seed
    )
    logits = logits_of(network, stock, judged, places=PLACES)
    say(f"  fold {number + 1}: accuracy {(logits.argmax(axis=1) == truth[judged]).mean():.4f}")
    return logits


def _pictures(files: list[Path], size_px: int) -> Pictures:
    found = np.zeros((len(files), size_px, size_px, 3), dtype=np.uint8)
    for place, path in enumerate(files):
        with Image.open(path) as picture:
            picture.draft("RGB", (size_px, size_px))
            found[place] = np.asarray(picture.convert("RGB").resize((size_px, size_px), Image.Resampling.BOX))
    return found


def main() -> None:
    """Train what is asked for and print how often it is right."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("names", nargs="+", choices=sorted(RECIPES), metavar="NAME")
    options.add_argument("--data", type=Path, default=DATA, metavar="FOLDER")
    options.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER")
    chosen = options.parse_args()
    for name in chosen.names:
        found = outputs(name, chosen.data, chosen.cache)
        print(f"{name}: accuracy {found.accuracy:.4f} of {len(found.truth)} pictures", flush=True)


if __name__ == "__main__":
    main()
