"""The pool that a strategy chooses from: features, probabilities and the rows already asked about."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import SelectionError
from goldloop.core.probs import Probs, checked_rows

Features = npt.NDArray[np.float32]
"""Shape (n, d), each row of length 1."""

Rows = npt.NDArray[np.int64]
"""Rows of a pool's features."""

_LENGTH_TOLERANCE = 1e-3  # of a row's squared length; float16 features of length 1 stay inside


def _no_rows() -> Rows:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Pool:
    """Samples by row, of which a strategy chooses some that are not in `asked`.

    `features` (n, d) is float32 with rows of length 1, so that distances between rows lie in [0, 2].
    `probs` (n, n_labels) is float64, or None before the first model. `asked` are the rows that have labels or
    open tasks, in any order. Strategies draw from `rng` alone: a generator in the same state makes the same
    choice, on one machine.

    Raises:
        SelectionError: an array has the wrong shape, type or range; the message gives the value.
        InvalidProbabilitiesError: a row of `probs` is not finite, negative or does not sum to 1.
    """

    features: Features
    probs: Probs | None
    asked: Rows
    rng: np.random.Generator
    candidates: Rows = field(init=False, default_factory=_no_rows)
    """The rows that are not in `asked`, ascending."""

    def __post_init__(self) -> None:
        """Check the arrays, and list the candidates."""
        _check_features(self.features)
        n = len(self.features)
        if self.probs is not None and checked_rows(self.probs).shape[0] != n:
            raise SelectionError(f"features have {n} rows, probs have {len(self.probs)}; pass one for each")
        asked = np.asarray(self.asked, dtype=np.int64)
        outside = asked[(asked < 0) | (asked >= n)]
        if len(outside):
            raise SelectionError(
                f"asked holds row {outside[0]}, features have {n} rows; pass rows of features"
            )
        is_candidate = np.ones(n, dtype=bool)
        is_candidate[asked] = False
        object.__setattr__(self, "asked", np.flatnonzero(~is_candidate))
        object.__setattr__(self, "candidates", np.flatnonzero(is_candidate))

    def within(self, n: int) -> int:
        """Return `n`, or the number of candidates where there are fewer.

        Raises:
            SelectionError: `n` is negative.
        """
        if n < 0:
            raise SelectionError(f"cannot choose {n} samples; pass a number of at least 0")
        return min(n, len(self.candidates))

    def known_probs(self, strategy: str) -> Probs:
        """Return the probabilities of all rows, shape (n, n_labels).

        Raises:
            SelectionError: there are none.
        """
        if self.probs is None:
            raise SelectionError(
                f"strategy {strategy} needs probs, got None; use medoids or random before the first model"
            )
        return self.probs


def _check_features(features: Features) -> None:
    if features.ndim != 2 or features.dtype != np.float32:
        raise SelectionError(
            f"features need shape (n, d) and type float32, got {features.shape} and {features.dtype}"
        )
    squares = np.einsum("ij,ij->i", features, features)
    bad = np.flatnonzero(~(np.abs(squares - 1) <= _LENGTH_TOLERANCE))  # also true of NaN and infinity
    if len(bad):
        row = bad[0]
        raise SelectionError(
            f"row {row} of features has squared length {squares[row]:.4g}; divide finite rows by their length"
        )
