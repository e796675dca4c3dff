"""The pictures of the simulated year as a backbone sees them, in good light and through a broken camera.

One half of the pictures trains a small network on their true labels, but for the label that is to appear
later, which it never sees. The other half is the year's traffic: what the network makes of each picture, in
several views and once blurred and dark, is kept in a folder, so that only the first run trains.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import say
from _labels_data import Answers, load_answers
from PIL import Image, ImageEnhance, ImageFilter

from goldloop.core.labels import LabelSet

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.intp]

APPEARS = "truck"
VIEWS = ((0, 0, False), (0, 0, True), (-3, 2, False), (2, -3, True), (3, 3, False))
"""Pixels down and right, and whether mirrored: each view of a picture arrives as a sample of its own."""

RECIPE: dict[str, Any] = {
    "epochs": 14,
    "peak": 0.2,  # of the learning rate
    "seed": 7,
    "blur_px": 1.3,
    "brightness": 0.45,
    "appears": APPEARS,
    "views": VIEWS,
    "version": 1,
}


@dataclass(frozen=True, slots=True)
class Stock:
    """What the backbone sees: `clean` (n_views, n, n_features), `broken` (n, n_features) of a broken camera.

    `truth` (n,) are columns of `labels`, `people` (n, 3) what three real people answered.
    """

    labels: LabelSet
    clean: Floats
    broken: Floats
    truth: Columns
    people: Columns


def load_stock(folder: Path, cache: Path) -> Stock:
    """Return the traffic's half of `folder`/cifar10; trains the backbone if `cache` lacks what it saw."""
    answers = load_answers(folder, None)
    told = [RECIPE, answers.truth.tolist()]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    kept = cache / f"year-{digest}.npz"
    half = np.random.default_rng(RECIPE["seed"]).permutation(len(answers.truth))
    traffic = np.sort(half[len(half) // 2 :])
    if not kept.exists():
        clean, broken = _seen(answers, np.sort(half[: len(half) // 2]), traffic)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npz")
        np.savez(partial, clean=clean.astype(np.float16), broken=broken.astype(np.float16))
        partial.replace(kept)
    with np.load(kept) as read:
        clean, broken = read["clean"].astype(np.float32), read["broken"].astype(np.float32)
    return Stock(answers.labels, clean, broken, answers.truth[traffic], answers.votes[traffic])


def _seen(answers: Answers, seen: Columns, traffic: Columns) -> tuple[Floats, Floats]:
    import torch
    from _labels_model import Network, fit
    from _labels_model import Stock as Pictures

    torch.manual_seed(RECIPE["seed"])
    known = seen[answers.truth[seen] != answers.labels.column(APPEARS)]
    network = Network(len(answers.labels)).to(memory_format=torch.channels_last)
    stock = Pictures(answers.pictures)
    say(f"training the backbone on {len(known)} pictures, {RECIPE['epochs']} epochs; later runs need not")
    targets = np.eye(len(answers.labels))[answers.truth[known]]
    fit(network, stock, known, targets, epochs=RECIPE["epochs"], peak=RECIPE["peak"], seed=RECIPE["seed"])
    clean = np.stack([_features(network, stock, traffic, view) for view in VIEWS])
    # normalised as the good pictures are: nobody retrains a camera's colours into the backbone
    darkened = answers.pictures.copy()
    darkened[traffic] = [_broken(picture) for picture in answers.pictures[traffic]]
    x = torch.from_numpy(answers.pictures).permute(0, 3, 1, 2).float() / 255
    mean, spread = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True)
    from torch.nn import functional

    y = (torch.from_numpy(darkened).permute(0, 3, 1, 2).float() / 255 - mean) / spread
    stock.padded = functional.pad(y, (4,) * 4, mode="reflect")
    return clean, _features(network, stock, traffic, VIEWS[0])


def _features(network: Any, stock: Any, rows: Columns, view: tuple[int, int, bool]) -> Floats:
    import torch

    down, right, is_mirrored = view
    network.eval()
    found = []
    with torch.no_grad():
        for first in range(0, len(rows), 500):
            part = rows[first : first + 500]
            shift = [torch.full((len(part),), 4 + by) for by in (down, right)]
            x = stock.cut(part, *shift)
            x = x.flip(3) if is_mirrored else x
            seen = network.body(x.contiguous(memory_format=torch.channels_last)).amax((2, 3))
            found.append(seen.numpy())
    return np.concatenate(found)


def _broken(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(RECIPE["blur_px"]))
    return np.asarray(ImageEnhance.Brightness(blurred).enhance(RECIPE["brightness"]))
