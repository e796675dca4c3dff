"""Whether the drift check is silent over years of the same traffic, and sees what was planted in one batch.

A tiny model is trained on real pictures of all labels but one, the new product. Weekly batches are drawn from
pictures it has not seen, with replacement; each is compared with all batches before it that count. Planted in
one batch: the unknown label as a tenth, an eighth or more of it; blurred and darkened pictures; one label
three times as frequent as usual.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.drift.checks import check_drift
from goldloop.drift.sketches import Sketch, merged, sketch_of
from scripts.bench.common import Report
from scripts.bench.model import scored, trained
from scripts.bench.outputs import SIMULATED
from scripts.bench.pictures import Columns, Images, load_pictures

WEEKS = 52
SIZES = (300, 1000, 3000)  # of a batch
LOOKS = (1, 4, 12, 40)
"""After so many weeks each planted change is tried, on a batch of its own."""

PLANTED = ("new 0.1", "new 0.125", "new 0.15", "blur", "dark", "share x 3")
MOST_PICTURES, SHARE_LEARNT = 8000, 0.3

CAMERAS: dict[str, Callable[[Images], Images]] = {
    "plain": lambda image: image,
    "blur": lambda image: gaussian_filter(image.astype(float), (1, 1, 0)).clip(0, 255).astype(np.uint8),
    "dark": lambda image: (image * 0.55).astype(np.uint8),
}


@dataclass(frozen=True, slots=True)
class World:
    """Samples that a model has not seen, with its scores by camera; it does not know the label `new`."""

    labels: LabelSet
    truth: Columns
    new: int
    scores: dict[str, Scores]


def run(report: Report, options: argparse.Namespace) -> None:
    """Report false alarms a year, and how often each planted change is seen, by kind of traffic and size."""
    for name in options.outputs:
        world = (
            simulated_world(options.seed) if name == SIMULATED else _real_world(options.data / name, options)
        )
        for size in SIZES:
            what = f"drift/{name}/batches of {size}"
            seen: dict[str, list[bool]] = {planted: [] for planted in PLANTED}
            alarms = [year(world, size, (options.seed, size, number), seen) for number in range(options.n)]
            report.mean(f"{what}/false alarms a year", alarms, "")
            report.share(f"{what}/years with more than 2", [n_alarms > 2 for n_alarms in alarms])
            for planted, is_seen in seen.items():
                report.share(f"{what}/{planted}", is_seen)


def simulated_world(seed: int, *, n: int = 4000, n_labels: int = 6, n_features: int = 16) -> World:
    """Return samples whose features scatter around their label's mean; the model ignores the last label."""
    rng = np.random.default_rng((seed, 11))
    means = rng.normal(0, 1, (n_labels, n_features))
    truth = rng.integers(n_labels, size=n)
    features = means[truth] + rng.normal(0, 1, (n, n_features))
    known, new = means[:-1], n_labels - 1
    cameras = {"plain": features, "blur": 0.6 * features, "dark": features - 1}
    return World(
        LabelSet(tuple(f"label {column}" for column in range(n_labels - 1))),
        truth.astype(np.intp),
        new,
        {
            name: Scores(
                softmax(seen @ known.T - (known**2).sum(axis=1) / 2, axis=1), seen.astype(np.float32)
            )
            for name, seen in cameras.items()
        },
    )


def _real_world(folder: Path, options: argparse.Namespace) -> World:
    """Train on a share of the pictures of all labels but one and score the rest under each camera."""
    pictures = load_pictures(folder, limit=options.pictures)
    order = np.random.default_rng(options.seed).permutation(len(pictures.truth))[:MOST_PICTURES]
    new = options.seed % len(pictures.labels)
    is_old = pictures.truth[order] != new
    learnt = order[is_old][: int(SHARE_LEARNT * len(order))]
    judged = np.setdiff1d(order, learnt)
    known = LabelSet(tuple(name for column, name in enumerate(pictures.labels) if column != new))
    columns = pictures.truth[learnt] - (pictures.truth[learnt] > new)
    scorer = trained(
        pictures.images[learnt], columns, known, n_validation=len(learnt) // 5, seed=options.seed
    )
    scores = {
        name: scored(scorer, [camera(image) for image in pictures.images[judged]])
        for name, camera in CAMERAS.items()
    }
    return World(known, pictures.truth[judged], new, scores)


def year(world: World, size: int, seed: tuple[int, ...], seen: dict[str, list[bool]]) -> int:
    """Return the false alarms of a year of batches; add to `seen` whether each planted change was flagged."""
    rng = np.random.default_rng(seed)
    counted, n_alarms = [batch(world, size, rng)], 0
    for week in range(1, WEEKS):
        reference, now = merged(counted), batch(world, size, rng)
        if check_drift(now, reference).drifts:
            n_alarms += 1
        else:
            counted.append(now)
        if week in LOOKS:
            for planted, flags in seen.items():
                flags.append(bool(check_drift(batch(world, size, rng, planted), reference).drifts))
    return n_alarms


def batch(world: World, size: int, rng: np.random.Generator, planted: str = "") -> Sketch:
    """Return the sketch of a batch of `size` samples with what is `planted` in it."""
    is_new = world.truth == world.new
    weights = np.where(is_new, 0.0, 1.0)
    if planted.startswith("new"):
        share = float(planted.removeprefix("new "))
        weights[is_new] = share / (1 - share) * (~is_new).sum() / is_new.sum()
    if planted == "share x 3":
        column = int(np.bincount(world.truth[~is_new]).argsort()[-3])
        weights[world.truth == column] = 3.0
    rows = rng.choice(len(weights), size, p=weights / weights.sum())
    scores = world.scores.get(planted, world.scores["plain"])
    return sketch_of(scores.probs[rows], scores.embeddings[rows], world.labels)
