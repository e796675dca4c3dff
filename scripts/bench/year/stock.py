"""The pictures of the simulated year as a backbone sees them, in good light and through a broken camera.

One half of the pictures trains a small network on their true labels, but for the label that appears later,
which it never sees. The other half is the year's traffic: the network's features of each picture, in several
views and once blurred and dark, are kept in a folder, so that only the first run trains. A simulated stock
needs neither pictures nor training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

from goldloop.core.labels import LabelSet
from scripts.bench.common import say
from scripts.bench.outputs import keep
from scripts.bench.pictures import Columns, Floats, Pictures, load_pictures

APPEARS = "truck"
VIEWS = ((0, 0, False), (0, 0, True), (-3, 2, False), (2, -3, True), (3, 3, False))
"""Pixels down and right, and whether mirrored: each view of a picture arrives as a sample of its own."""

RECIPE: dict[str, Any] = {
    "epochs": 14,
    "peak": 0.2,
    "seed": 7,
    "blur_px": 1.3,
    "brightness": 0.45,
    "version": 2,
}
N_FEATURES = 64
N_SIMULATED = 8000
MISTAKE_RATE = 0.17  # of each of the three people who answered about a simulated sample


@dataclass(frozen=True, slots=True)
class Stock:
    """Features: `clean` (n_views, n, N_FEATURES), and `broken` (n, N_FEATURES) of a broken camera.

    `truth` (n,) are columns of `labels`, `people` (n, 3) what three people answered.
    """

    labels: LabelSet
    clean: Floats
    broken: Floats
    truth: Columns
    people: Columns


def simulated_stock(seed: int) -> Stock:
    """Return samples whose features scatter around their label's mean; a broken camera dims them."""
    rng = np.random.default_rng([seed, 9])
    labels = LabelSet((*(f"label {column}" for column in range(9)), APPEARS))
    truth = rng.integers(len(labels), size=N_SIMULATED).astype(np.intp)
    means = rng.normal(0, 0.35, (len(labels), N_FEATURES))
    clean = means[truth] + rng.normal(0, 1, (len(VIEWS), N_SIMULATED, N_FEATURES))
    other = (truth[:, None] + rng.integers(1, len(labels), (N_SIMULATED, 3))) % len(labels)
    people = np.where(rng.random((N_SIMULATED, 3)) < MISTAKE_RATE, other, truth[:, None]).astype(np.intp)
    return Stock(labels, clean.astype(np.float32), (0.4 * clean[0]).astype(np.float32), truth, people)


def load_stock(options: argparse.Namespace) -> Stock:
    """Return the traffic's half of CIFAR-10; trains the backbone where the cache lacks its features."""
    pictures = load_pictures(options.data / "cifar10", limit=options.pictures)
    told = [RECIPE, VIEWS, APPEARS, pictures.truth.tolist()]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    kept = options.cache / f"year-{digest}.npy"
    half = np.random.default_rng(RECIPE["seed"]).permutation(len(pictures.truth))
    learnt, traffic = (np.sort(part) for part in np.array_split(half, 2))
    if not kept.exists():
        keep(kept, _features(pictures, learnt, traffic).astype(np.float16))
    *clean, broken = _reduced(np.load(kept).astype(np.float32))
    return Stock(
        pictures.labels,
        np.stack(clean),
        broken,
        pictures.truth[traffic],
        pictures.answers_in_order(RECIPE["seed"])[traffic],
    )


def _reduced(features: Floats) -> Floats:
    """Return `features` (n_views + 1, n, n) along the N_FEATURES directions in which good pictures differ most."""
    good = features[0]
    mean = good.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(good - mean, rowvar=False).astype(np.float64))
    return (features - mean) @ axes[:, -N_FEATURES:].astype(np.float32)


def _features(pictures: Pictures, learnt: Columns, traffic: Columns) -> Floats:
    """Return what the backbone sees of the `traffic`: in each view, and last through a broken camera."""
    from scripts.bench.network import Stock as Images
    from scripts.bench.network import features_of, fit, new_network

    known = learnt[pictures.truth[learnt] != pictures.labels.column(APPEARS)]
    epochs, seed = RECIPE["epochs"], RECIPE["seed"]
    say(f"training the backbone on {len(known)} pictures, {epochs} epochs; later runs need not")
    network, stock = new_network(len(pictures.labels), seed=seed), Images(pictures.images)
    targets = np.eye(len(pictures.labels))[pictures.truth[known]]
    fit(network, stock, known, targets, epochs=epochs, peak=RECIPE["peak"], seed=seed)
    clean = [features_of(network, stock, traffic, view) for view in VIEWS]
    broken = Images(np.stack([_broken(image) for image in pictures.images]), like=stock)
    return np.stack([*clean, features_of(network, broken, traffic, VIEWS[0])])


def _broken(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(RECIPE["blur_px"]))
    return np.asarray(ImageEnhance.Brightness(blurred).enhance(RECIPE["brightness"]))
