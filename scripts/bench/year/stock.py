"""The pictures of the simulated year as a backbone sees them, in good light and through a broken camera.

One half of the pictures trains the tiny preset on their true labels, but for the label that appears later,
which it never sees. The other half is the year's traffic: the model's features of each picture, in several
views and once blurred and dark, are kept in a folder, so that only the first run trains. A simulated stock
needs neither pictures nor training.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from goldloop.core.labels import LabelSet
from scripts.bench.model import scored, trained
from scripts.bench.outputs import keep
from scripts.bench.pictures import Columns, Floats, Images, Pictures, load_pictures

APPEARS = "truck"
VIEWS = ((0, 0, False), (0, 0, True), (-3, 2, False), (2, -3, True), (3, 3, False))
"""Pixels down and right, and whether mirrored: each view of a picture arrives as a sample of its own."""

SEED = 7
MARGIN_PX = 3
BLUR_PX, BRIGHTNESS = 1.3, 0.45  # of the broken camera
N_SIMULATED, N_FEATURES = 10_000, 64
_STOCKS: dict[tuple[object, ...], Stock] = {}
MISTAKE_RATE = 0.17  # of each of the three people who answered about a simulated sample


@dataclass(frozen=True, slots=True)
class Stock:
    """Features: `clean` (n_views, n, n_features), and `broken` (n, n_features) of a broken camera.

    `truth` (n,) are columns of `labels`, `people` (n, 3) what three people answered.
    """

    labels: LabelSet
    clean: Floats
    broken: Floats
    truth: Columns
    people: Columns


def stock_of(options: argparse.Namespace) -> Stock:
    """Return the stock that the options name, made once in each process."""
    key = (options.simulated, options.seed, options.pictures)
    if key not in _STOCKS:
        _STOCKS[key] = simulated_stock(options.seed) if options.simulated else load_stock(options)
    return _STOCKS[key]


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
    digest = hashlib.sha256(pictures.images.tobytes() + repr(VIEWS).encode()).hexdigest()[:16]
    kept = options.cache / f"year-{digest}.npy"
    half = np.random.default_rng(SEED).permutation(len(pictures.truth))
    learnt, traffic = (np.sort(part) for part in np.array_split(half, 2))
    if not kept.exists():
        keep(kept, _features(pictures, learnt, traffic).astype(np.float16))
    *clean, broken = np.load(kept).astype(np.float32)
    return Stock(
        pictures.labels,
        np.stack(clean),
        broken,
        pictures.truth[traffic],
        pictures.answers_in_order(SEED)[traffic],
    )


def _features(pictures: Pictures, learnt: Columns, traffic: Columns) -> Floats:
    """Return what the backbone sees of the `traffic`: in each view, and last through a broken camera."""
    known = learnt[pictures.truth[learnt] != pictures.labels.column(APPEARS)]
    backbone = trained(pictures.images[known], pictures.truth[known], pictures.labels, seed=SEED)
    images = pictures.images[traffic]
    seen = [np.stack([_view(image, view) for image in images]) for view in VIEWS]
    broken = np.stack([_broken(image) for image in images])
    return np.stack([scored(backbone, shown).embeddings for shown in (*seen, broken)])


def _view(image: Images, view: tuple[int, int, bool]) -> Images:
    """Return the image moved, its edge repeated, and perhaps mirrored."""
    down, right, is_mirrored = view
    margin = np.pad(image, ((MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX), (0, 0)), mode="edge")
    top, left = MARGIN_PX + down, MARGIN_PX + right
    moved = margin[top : top + image.shape[0], left : left + image.shape[1]]
    return moved[:, ::-1] if is_mirrored else moved


def _broken(image: Images) -> Images:
    blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(BLUR_PX))
    return np.asarray(ImageEnhance.Brightness(blurred).enhance(BRIGHTNESS))
