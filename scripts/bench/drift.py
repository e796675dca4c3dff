#!/usr/bin/env python3
"""Whether the drift check is silent over years of the same traffic, and sees what was planted in one batch.

A tiny model is trained on real pictures of all labels but one, the new product. Weekly batches are drawn from
pictures it has not seen, with replacement; each is compared with all batches before it that count.

Planted in one batch: the unknown label as a tenth or an eighth or more of it; blurred and darkened pictures;
one label three times as frequent as usual.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import parser, say, write
from _outputs import DATA
from _tiny_model import Picture, read, scored, trained
from scipy.ndimage import gaussian_filter

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.drift.checks import ALPHA, check_drift
from goldloop.drift.sketches import Sketch, SketchBuilder, merged

WEEKS = 52
LOOKS = (1, 4, 12, 40)
"""After so many weeks each planted change is tried, on a batch of its own."""

PLANTED = ("new 0.1", "new 0.125", "new 0.15", "blur", "dark", "share x 3")

CAMERAS: dict[str, Callable[[Picture], Picture]] = {
    "plain": lambda one: one,
    "blur": lambda one: gaussian_filter(one.astype(float), (1, 1, 0)).clip(0, 255).astype(np.uint8),
    "dark": lambda one: (one * 0.55).astype(np.uint8),
}


@dataclass(frozen=True, slots=True)
class World:
    """What a model says of pictures it has not seen, by kind of picture; `truth` (n,) are their labels."""

    labels: LabelSet
    truth: npt.NDArray[np.intp]
    new: int
    said: dict[str, Scores]


def world(folder: Path, n_train: int, seed: int) -> World:
    """Train on `n_train` pictures of all labels but one and score the rest: as they are, blurred, dark."""
    pictures, labels = read(folder, seed)
    names = sorted(set(labels))
    new = seed % len(names)
    known = LabelSet(tuple(name for name in names if name != names[new]))
    is_old = np.array([label != names[new] for label in labels])
    train, rest = np.flatnonzero(is_old)[:n_train], np.ones(len(labels), dtype=bool)
    rest[train] = False
    scorer = trained(
        [pictures[one] for one in train],
        [labels[one] for one in train],
        known,
        n_validation=n_train // 5,
        seed=seed,
    )
    places = np.flatnonzero(rest).tolist()
    said = {name: scored(scorer, [look(pictures[one]) for one in places]) for name, look in CAMERAS.items()}
    truth = np.array([names.index(labels[one]) for one in places], dtype=np.intp)
    right = [known[column] for column in said["plain"].probs.argmax(axis=1)]
    hits = [names[one] == two for one, two in zip(truth, right, strict=True) if one != new]
    say(f"{folder.name}: accuracy {np.mean(hits):.3f} of {len(hits)} pictures; new: {names[new]}")
    return World(known, truth, new, said)


def batch(made: World, n: int, rng: np.random.Generator, planted: str = "") -> Sketch:
    """Return the sketch of a batch of `n` with what is planted in it."""
    is_new = made.truth == made.new
    weights = np.where(is_new, 0.0, 1.0)
    if planted.startswith("new"):
        share = float(planted.removeprefix("new "))
        weights[is_new] = share / (1 - share) * (~is_new).sum() / is_new.sum()
    if planted == "share x 3":
        column = int(np.bincount(made.truth[~is_new]).argsort()[-3])
        weights[made.truth == column] = 3.0
    rows = rng.choice(len(weights), n, p=weights / weights.sum())
    said = made.said[planted if planted in made.said else "plain"]
    builder = SketchBuilder(made.labels)
    builder.add(said.probs[rows], said.embeddings[rows])
    return builder.sketch()


def years(made: World, n: int, n_years: int, seed: int) -> dict[str, object]:
    """Return false alarms of each year, and for each planted change how often which check saw it."""
    alarms, seen = [], {one: [] for one in PLANTED}
    for year in range(n_years):
        rng = np.random.default_rng((seed, n, year))
        counted, raised = [batch(made, n, rng)], 0
        for week in range(1, WEEKS):
            reference = merged(counted)
            now = batch(made, n, rng)
            if check_drift(now, reference).drifts:
                raised += 1
            else:
                counted.append(now)
            if week in LOOKS:
                for planted, found in seen.items():
                    check = check_drift(batch(made, n, rng, planted), reference)
                    found.append({one.kind for one in check.drifts})
        alarms.append(raised)
    rates = {
        planted: {
            "any": float(np.mean([bool(one) for one in found])),
            **{
                kind: float(np.mean([kind in one for one in found]))
                for kind in ("confidence", "labels", "embeddings")
            },
        }
        for planted, found in seen.items()
    }
    return {"n": n, "alarms": alarms, "seen": rates}


def main() -> None:
    """Print a table of false alarms and one of what was seen, in Markdown."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--years", type=int, default=200, metavar="N", help="simulated years (default 200)")
    options.add_argument("--sizes", type=int, nargs="+", default=[300, 1000, 3000], help="samples a batch")
    chosen: argparse.Namespace = options.parse_args()
    started = time.perf_counter()
    n_years = 20 if chosen.quick else chosen.years
    print(f"three tests a batch at {ALPHA}, {n_years} years of {WEEKS} batches, seed {chosen.seed}\n")
    heads = ["pictures", "batch", "alarms a year", "over 2", *PLANTED]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    found = []
    for name, n_train in (("cifar10", 2500), ("clothing", 1600)):
        made = world(DATA / name, n_train, chosen.seed)
        for n in chosen.sizes:
            one = years(made, n, n_years, chosen.seed) | {"pictures": name}
            found.append(one)
            alarms, seen = np.array(one["alarms"]), one["seen"]
            rates = " | ".join(f"{rate['any']:.0%}" for rate in seen.values())
            print(f"| {name} | {n} | {alarms.mean():.2f} | {np.mean(alarms > 2):.1%} | {rates} |", flush=True)
    write(chosen, "drift", {"found": found}, started=started)


if __name__ == "__main__":
    main()
