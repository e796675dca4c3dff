"""Probabilities of labels: their checks, confidence and margin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.core.labels import LabelSet

Probs = npt.NDArray[np.float64]
"""Shape (n_samples, n_labels), columns in label-set order, rows sum to 1."""

SUM_TOLERANCE = 1e-6


def checked_probs(values: npt.ArrayLike, labels: LabelSet) -> Probs:
    """Return `values` as float64 probabilities (n_samples, n_labels), after checking them.

    Columns are in label-set order. Each row must lie in [0, 1] and sum to 1 within SUM_TOLERANCE. `values`
    may have no rows.

    Raises:
        InvalidProbabilitiesError: names the first bad row and its value.
    """
    probs = np.asarray(values, dtype=np.float64)
    if probs.ndim != 2 or probs.shape[1] != len(labels):
        raise InvalidProbabilitiesError(
            f"probs need shape (n, {len(labels)}) for labels {list(labels)}, got {probs.shape}; "
            "check that the model was trained on this label set"
        )
    return checked_rows(probs)


def checked_rows(values: npt.ArrayLike) -> Probs:
    """Return `values` as float64 probabilities (n_samples, n_labels); like `checked_probs` for any labels.

    Raises:
        InvalidProbabilitiesError: names the first bad row and its value.
    """
    probs = np.asarray(values, dtype=np.float64)
    if probs.ndim != 2:
        raise InvalidProbabilitiesError(
            f"probs need shape (n, n_labels), got {probs.shape}; pass one row for each sample"
        )
    bad = ~np.isfinite(probs).all(axis=1) | (probs < 0).any(axis=1) | (probs > 1 + SUM_TOLERANCE).any(axis=1)
    bad |= np.abs(probs.sum(axis=1) - 1) > SUM_TOLERANCE
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidProbabilitiesError(
            f"row {row} of probs is {probs[row].tolist()}; each row needs finite values in [0, 1] "
            "that sum to 1; check the model for NaN and for a missing softmax"
        )
    return probs


def restored(rows: npt.ArrayLike) -> Probs:
    """Return `rows` (n, n_labels), rounded to the single precision of the tables, as probs that sum to 1.

    Every decision uses this form, so that replaying it from the tables gives the same result.
    """
    single = np.asarray(rows, dtype=np.float32).astype(np.float64)
    return single / single.sum(axis=1, keepdims=True) if single.size else single


def stored_probs(rows: Sequence[Sequence[float]], labels: LabelSet) -> Probs:
    """Return stored rows as probs (n, n_labels); labels that are newer than a row have probability 0."""
    padded = np.zeros((len(rows), len(labels)))
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return restored(padded)


def confidence(probs: Probs) -> npt.NDArray[np.float64]:
    """Return the largest probability of each row, shape (n_samples,)."""
    return probs.max(axis=1) if len(probs) else np.zeros(0)


def margin(probs: Probs) -> npt.NDArray[np.float64]:
    """Return the largest minus the second largest probability of each row, shape (n_samples,)."""
    if not len(probs):
        return np.zeros(0)
    two = np.partition(probs, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def suggestion_hint(probs: npt.NDArray[np.float64], labels: LabelSet) -> str:
    """Return a line for the annotator from one row of `probs`: the two likeliest labels with percentages."""
    order = np.argsort(-probs, kind="stable")
    best, second = int(order[0]), int(order[1])
    return f"Model suggests: {labels[best]} {probs[best]:.0%} ({labels[second]} {probs[second]:.0%})"
