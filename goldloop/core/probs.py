"""Probabilities of labels: their checks, confidence and margin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache

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


@cache
def column_names(labels: LabelSet) -> str:
    """Return the names of the columns as the text that tables keep beside each row of probs."""
    return json.dumps(labels.names, ensure_ascii=False)


@cache
def named_columns(names: str) -> tuple[str, ...]:
    """Return the names that `column_names` wrote."""
    return tuple(json.loads(names))


def over_labels(probs: npt.ArrayLike, names: Sequence[str], labels: LabelSet) -> Probs:
    """Return rows (n, n_names), whose columns are `names`, as probs (n, n_labels) over `labels`.

    A column belongs to its name. Labels that are not in `names` have probability 0. The share of names that
    are no labels any more goes to the other labels in proportion; a row with nothing else becomes uniform.
    """
    given = np.asarray(probs, dtype=np.float64)
    if tuple(names) == labels.names:
        return given
    moved = np.zeros((len(given), len(labels)))
    known = [(column, label) for column, name in enumerate(names) if (label := labels.find(name)) is not None]
    moved[:, [labels.column(label) for _, label in known]] = given[:, [column for column, _ in known]]
    if len(known) == len(names):
        return moved
    sums = moved.sum(axis=1, keepdims=True)
    return np.where(sums > 0, moved / np.where(sums > 0, sums, 1), 1 / len(labels))


Part = tuple[npt.ArrayLike, str | None, npt.ArrayLike]
"""Places of rows (n,), the `column_names` of all of them, and the stored rows (n, n_names) themselves."""


def stored_probs(rows: Sequence[Sequence[float]], names: Sequence[str | None], labels: LabelSet) -> Probs:
    """Return stored rows as probs (n, n_labels); `names` holds the `column_names` of each row."""
    places: dict[tuple[str | None, int], list[int]] = {}
    for place, (row, text) in enumerate(zip(rows, names, strict=True)):
        places.setdefault((text, len(row)), []).append(place)
    parts = ((chosen, text, [rows[place] for place in chosen]) for (text, _), chosen in places.items())
    return joined_probs(len(rows), parts, labels)


def joined_probs(n: int, parts: Iterable[Part], labels: LabelSet) -> Probs:
    """Return `parts`, which hold `n` stored rows together, as probs (n, n_labels).

    Rows without names are older than the names; their columns are the first labels, in order.
    """
    probs = np.zeros((n, len(labels)))
    for places, text, rows in parts:
        given = np.asarray(rows, dtype=np.float64)
        columns = labels.names[: given.shape[1]] if text is None else named_columns(text)
        probs[np.asarray(places)] = over_labels(given, columns, labels)
    return restored(probs)


def confidence(probs: Probs) -> npt.NDArray[np.float64]:
    """Return the largest probability of each row, shape (n_samples,)."""
    return probs.max(axis=1) if len(probs) else np.zeros(0)


def likeliest(probs: Probs) -> npt.NDArray[np.intp]:
    """Return the column of the largest probability of each row, the first of equal ones, (n_samples,)."""
    return np.asarray(probs.argmax(axis=1)) if len(probs) else np.zeros(0, dtype=np.intp)


def of_columns(probs: Probs, columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the probability of one label of each row, (n_samples,)."""
    return np.asarray(probs[np.arange(len(probs)), columns])


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
