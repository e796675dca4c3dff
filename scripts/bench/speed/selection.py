"""How long goldloop takes to choose samples from a pool of reduced features, by strategy and size.

The features are 50 clusters in N_FEATURES dimensions, the probabilities are drawn, and 1,000 samples have
labels. The time includes checking the arrays of the pool.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from goldloop.core.probs import Probs
from goldloop.selection.pool import Features, Pool, Rows
from goldloop.selection.strategies import STRATEGIES
from scripts.bench.common import Report, seconds

N_CHOSEN, N_ASKED, N_FEATURES, N_LABELS = 500, 1000, 256, 10
_N_CENTRES, _SPREAD, _BLOCK = 50, 1.5, 50_000


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the seconds of each strategy at each size."""
    for size in options.sizes:
        rng = np.random.default_rng(options.seed)
        features, probs = drawn_features(size, rng), rng.dirichlet(np.full(N_LABELS, 0.2), size)
        asked = rng.choice(size, min(N_ASKED, size // 2), replace=False)
        for name in STRATEGIES:
            choose = partial(choose_once, name, features, probs, asked, options.seed)
            times = [seconds(choose) for _ in range(options.n)]
            report.median(f"choice of {N_CHOSEN} samples/{size:,}/{name}", times, "s")


def choose_once(name: str, features: Features, probs: Probs, asked: Rows, seed: int) -> None:
    """Make a pool and choose from it."""
    STRATEGIES[name](Pool(features, probs, asked, np.random.default_rng(seed)), N_CHOSEN)


def drawn_features(size: int, rng: np.random.Generator) -> Features:
    """Return `size` rows of length 1 around _N_CENTRES centres, drawn block by block to save memory."""
    centres = rng.standard_normal((_N_CENTRES, N_FEATURES), dtype=np.float32)
    rows = np.empty((size, N_FEATURES), dtype=np.float32)
    for start in range(0, size, _BLOCK):
        block = rows[start : start + _BLOCK]
        block[:] = centres[rng.integers(_N_CENTRES, size=len(block))]
        block += _SPREAD * rng.standard_normal(block.shape, dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return rows
