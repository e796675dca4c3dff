"""Sentences of nonsense about three topics, which a model of words tells apart."""

from __future__ import annotations

import numpy as np

from goldloop.core.labels import LabelSet

TOPICS = LabelSet.of(["fruit", "metal", "river"])
WORDS = {
    "fruit": ("apple", "pear", "plum", "cherry", "quince"),
    "metal": ("iron", "copper", "zinc", "silver", "nickel"),
    "river": ("rhine", "danube", "elbe", "oder", "main"),
}


def sentences(n: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Return n sentences of nonsense about a topic, each with its topic."""
    rng = np.random.default_rng(seed)
    topics = [TOPICS[int(column)] for column in rng.integers(0, 3, n)]
    return [
        (f"a {rng.choice(WORDS[one])} and {rng.choice(WORDS[one])} number {number} {seed}", one)
        for number, one in enumerate(topics)
    ]
