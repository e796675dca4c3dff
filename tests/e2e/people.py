"""Handwritten digits, and people who answer the same of each whenever and wherever they are asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from goldloop.core.samples import SampleId
from scripts.bench.faults.people import answer_all
from scripts.demo_loop.pictures import Picture, digits

__all__ = ["answer_all", "said_by_truth", "some_digits"]


def some_digits(folder: Path, n: int) -> list[Picture]:
    """Write the first `n` of scikit-learn's handwritten digits into `folder` and return them."""
    found = digits(folder, seed=0)
    known = sorted([*found.pool, *found.test], key=lambda one: one.path)
    for one in known[n:]:
        one.path.unlink()
    return known[:n]


def said_by_truth(pictures: list[Picture]) -> dict[SampleId, str | None]:
    """Return what people say of each picture: mostly the truth, some mistakes, some skips."""
    said: dict[SampleId, str | None] = {}
    for one in pictures:
        chance = hashlib.sha256(one.sample_id.encode()).digest()[0]
        said[one.sample_id] = (
            None if chance < 10 else str((int(one.label) + 1) % 10) if chance < 25 else one.label
        )
    return said
