"""Whether the drift check is silent over years of the same traffic, and sees what was planted in one batch.

A tiny model is trained on real pictures of all labels but one, the new product; with a file of features the
model is a head on them. Weekly batches are drawn from pictures it has not seen, with replacement; each is
compared with all batches before it that count. Planted in one batch: the unknown label as a tenth, an eighth
or more of it; blurred and darkened pictures, if a file has their features; one label three times as frequent
as usual.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.drift.checks import check_drift
from goldloop.drift.sketches import Sketch, merged, sketch_of
from models.cross_fit import plain_fit
from models.head import Head
from scripts.bench.common import Report
from scripts.bench.features import read_features
from scripts.bench.model import scored, trained
from scripts.bench.outputs import SIMULATED
from scripts.bench.pictures import CAMERAS, Columns, Truth, load_pictures

WEEKS = 52
SIZES = (300, 1000, 3000)  # of a batch
LOOKS = (1, 4, 12, 40)
"""After so many weeks each planted change is tried, on a batch of its own."""

PLANTED = ("new 0.1", "new 0.125", "new 0.15", "blur", "dark", "share x 3")
MOST_PICTURES, SHARE_LEARNT = 8000, 0.3


@dataclass(frozen=True, slots=True)
class World:
    """Samples that a model has not seen, with its scores by camera; it does not know the label `new`."""

    labels: LabelSet
    truth: Columns
    new: int
    scores: dict[str, Scores]

    @property
    def plantable(self) -> list[str]:
        """What can be planted: of cameras only those with scores."""
        return [planted for planted in PLANTED if planted not in CAMERAS or planted in self.scores]


def run(report: Report, options: argparse.Namespace) -> None:
    """Report false alarms a year, and how often each planted change is seen, by kind of traffic and size."""
    for name in options.outputs:
        world = _world(name, options)
        for size in SIZES:
            what = f"drift/{Path(name).stem}/batches of {size}"
            seen: dict[str, list[bool]] = {planted: [] for planted in world.plantable}
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


def _world(name: str, options: argparse.Namespace) -> World:
    if name == SIMULATED:
        return simulated_world(options.seed)
    if Path(name).is_file():
        return world_of_features(Path(name), seed=options.seed)
    return _real_world(options.data / name, options)


def world_of_features(path: Path, *, seed: int) -> World:
    """Fit a head as `_real_world` trains; its embeddings are the features, as those of goldloop's scorer."""
    read = read_features(path)
    learnt, judged, new = _parted(read, seed)
    known, columns = _without(read, learnt, new)
    weights = np.ones(len(learnt) // 5)
    fitted = plain_fit(Head.fitted, read.plain[learnt], columns, weights, labels=known)
    scores = {}
    for camera, features in read.by_camera.items():
        logits = fitted.model.logits(features[judged])
        scores[camera] = Scores(fitted.calibration.apply(logits), features[judged])
    return World(known, read.truth[judged], new, scores)


def _parted(samples: Truth, seed: int) -> tuple[Columns, Columns, int]:
    """Return the rows that a model learns from, those it judges, and the label that it does not learn."""
    order = np.random.default_rng(seed).permutation(len(samples.truth))[:MOST_PICTURES]
    new = seed % len(samples.labels)
    learnt = order[samples.truth[order] != new][: int(SHARE_LEARNT * len(order))]
    return learnt, np.setdiff1d(order, learnt), new


def _without(samples: Truth, rows: Columns, new: int) -> tuple[LabelSet, Columns]:
    """Return the labels without `new`, and the columns among them of samples that have none of it."""
    known = LabelSet(tuple(name for column, name in enumerate(samples.labels) if column != new))
    return known, samples.truth[rows] - (samples.truth[rows] > new)


def _real_world(folder: Path, options: argparse.Namespace) -> World:
    """Train on a share of the pictures of all labels but one and score the rest under each camera."""
    pictures = load_pictures(folder, limit=options.pictures)
    learnt, judged, new = _parted(pictures, options.seed)
    known, columns = _without(pictures, learnt, new)
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
