"""Simulated counts of adopted wrong suggestions, shown and hidden."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from goldloop.annotators.automation_bias import (
    AdoptionGap,
    Observation,
    gap_of_counts,
)

BLIND = 0.1  # a blind annotator gives the wrong label that the model has in mind this often


def wrong(is_shown: bool, is_adopted: bool, label: str = "dog") -> Observation:
    """Return an observation of a wrong suggestion of `label`."""
    return Observation(label, label if is_adopted else "cat", "cat", is_shown, 4.0)


def counts(
    random: np.random.Generator, adoption: float, size: tuple[int, ...], n_per_arm: float
) -> npt.NDArray[np.int64]:
    """Return (*size, 4): adopted and all wrong suggestions shown, then hidden; their numbers are Poisson."""
    n_shown, n_hidden = (random.poisson(n_per_arm, size) for _ in range(2))
    shown = random.binomial(n_shown, adoption + (1 - adoption) * BLIND)
    return np.stack([shown, n_shown, random.binomial(n_hidden, BLIND), n_hidden], axis=-1)


def gap_of(row: npt.NDArray[np.int64], label: str | None = None) -> AdoptionGap:
    """Return the gap of one row of `counts`."""
    x, m, y, n = row.tolist()
    return gap_of_counts(label, shown=(x, m), hidden=(y, n))
