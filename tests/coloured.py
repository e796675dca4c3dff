"""Noisy pictures of three colours: quickly learned, never perfectly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, SampleId

COLOURS = LabelSet(("red", "green", "blue"))
Load = Callable[[SampleId], Decoded]


def coloured(
    n: int, *, seed: int = 0, noise: float = 60.0, size: int = 32
) -> tuple[list[tuple[SampleId, int]], Load]:
    """Return n noisy pictures of three colours, as (id, column) pairs and a function that loads them."""
    rng = np.random.default_rng(seed)
    columns = rng.permutation(np.arange(n) % 3)
    payloads = {}
    for row, column in enumerate(columns):
        picture = rng.normal(110, noise, (size, size, 3))
        picture[..., column] += 25
        payloads[SampleId(f"{seed}-{row}")] = np.clip(picture, 0, 255).astype(np.uint8)
    pairs = [(sample_id, int(column)) for sample_id, column in zip(payloads, columns, strict=True)]
    return pairs, lambda sample_id: Decoded(payloads[sample_id])


def payloads_of(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return n payloads and their true columns."""
    pairs, load = coloured(n, seed=seed)
    return [load(sample_id).payload for sample_id, _ in pairs], np.array([column for _, column in pairs])
