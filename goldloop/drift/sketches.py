"""Sketches: a summary of one scoring pass in about 11 kB, whatever the number of samples."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, checked_probs, confidence

N_BINS = 20
"""Equally wide bins of confidence."""

N_DIRECTIONS = 32
"""Number of fixed random directions that embeddings are projected to; they preserve distances [johnson1984].

With 16 or 48 directions a new class was detected less often (measured on two models that lacked a class).
"""

N_FEATURES = N_DIRECTIONS + 1
_SEED = 20
_SMALLEST_NORM = 1e-12
_TRIANGLE = np.triu_indices(N_FEATURES)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A summary of n predictions of one model; summaries can be added.

    `confidence_counts` (N_BINS,) and `label_counts` (n_labels,) sum to n. `sums` (N_FEATURES,) and `products`
    (the upper triangle of N_FEATURES x N_FEATURES, row by row) are sums over embeddings of the features and
    of their pairwise products. The features are the embedding, normalised and projected to N_DIRECTIONS, and
    the logarithm of its length.
    """

    labels: tuple[str, ...]
    confidence_counts: tuple[int, ...]
    label_counts: tuple[int, ...]
    sums: tuple[float, ...]
    products: tuple[float, ...]

    @property
    def n(self) -> int:
        """Number of predictions."""
        return sum(self.label_counts)

    @property
    def confidence_shares(self) -> Values:
        """Share of the predictions in each bin of confidence, (N_BINS,)."""
        return np.array(self.confidence_counts) / self.n

    @property
    def label_shares(self) -> Values:
        """Share of the predictions with each label, (n_labels,)."""
        return np.array(self.label_counts) / self.n

    @property
    def mean(self) -> Values:
        """Mean of the features, (N_FEATURES,)."""
        return np.array(self.sums) / max(1, self.n)

    @property
    def squares(self) -> Values:
        """Sums of the pairwise products of the features, (N_FEATURES, N_FEATURES)."""
        upper = np.zeros((N_FEATURES, N_FEATURES))
        upper[_TRIANGLE] = self.products
        return upper + np.triu(upper, 1).T

    @property
    def scatter(self) -> Values:
        """Scatter matrix of the features, (n - 1) times their covariance, (N_FEATURES, N_FEATURES)."""
        return self.squares - np.outer(self.sums, self.sums) / max(1, self.n)

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of the predictions of both.

        Raises:
            LabelError: the labels differ.
        """
        if self.labels != other.labels:
            raise LabelError(
                f"cannot compare or add sketches with labels {list(self.labels)} and {list(other.labels)}; "
                "pass the sketches of one model version"
            )
        names = ("confidence_counts", "label_counts", "sums", "products")
        totals = (np.add(getattr(self, name), getattr(other, name)).tolist() for name in names)
        return Sketch(self.labels, *map(tuple, totals))


@dataclass(frozen=True, slots=True)
class Observed:
    """What sketches keep of n predictions, row by row, so that some may still be left out.

    `in_bins` (n,) is the bin of each confidence, `columns` (n,) the likeliest label, `features`
    (n, N_FEATURES) what stands for the embedding.
    """

    labels: tuple[str, ...]
    in_bins: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    features: Values

    def without(self, is_left_out: npt.NDArray[np.bool_]) -> Observed:
        """Return the predictions that are not left out; `is_left_out` has shape (n,)."""
        kept = ~is_left_out
        return Observed(self.labels, self.in_bins[kept], self.columns[kept], self.features[kept])

    def sketch(self) -> Sketch:
        """Return the sketch of these predictions."""
        return Sketch(
            self.labels,
            tuple(np.bincount(self.in_bins, minlength=N_BINS).tolist()),
            tuple(np.bincount(self.columns, minlength=len(self.labels)).tolist()),
            tuple(self.features.sum(axis=0).tolist()),
            tuple((self.features.T @ self.features)[_TRIANGLE].tolist()),
        )


def observed(probs: Probs, embeddings: npt.NDArray[np.float32], labels: LabelSet) -> Observed:
    """Return what sketches keep of `probs` (n, n_labels) and `embeddings` (n, any number of features).

    Raises:
        InvalidProbabilitiesError: a row of `probs` is not a distribution, an embedding is not finite, or the
            number of embeddings differs.
    """
    checked = checked_probs(probs, labels)
    features = _features(embeddings, len(checked))
    in_bins = np.minimum((confidence(checked) * N_BINS).astype(np.intp), N_BINS - 1)
    return Observed(labels.names, in_bins, checked.argmax(axis=1), features)


def sketch_of(probs: Probs, embeddings: npt.NDArray[np.float32], labels: LabelSet) -> Sketch:
    """Return the sketch of calibrated `probs` and `embeddings`; see `observed`."""
    return observed(probs, embeddings, labels).sketch()


def merged(sketches: Iterable[Sketch]) -> Sketch | None:
    """Return the sum of `sketches`, up to rounding the same in any order; None if there are none."""
    parts = list(sketches)
    return reduce(operator.add, parts) if parts else None


def _features(embeddings: npt.ArrayLike, n: int) -> Values:
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != n:
        raise InvalidProbabilitiesError(
            f"embeddings have shape {rows.shape}, but probs have {n} rows; return one embedding for each row"
        )
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise InvalidProbabilitiesError(
            f"embedding {int(np.flatnonzero(bad)[0])} is not finite; check the model for NaN"
        )
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SMALLEST_NORM)
    return np.concatenate([rows / lengths @ _directions(rows.shape[1]), np.log(lengths)], axis=1)


@lru_cache(maxsize=4)
def _directions(n: int) -> Values:
    """Return the directions that embeddings of `n` numbers are projected on, (n, N_DIRECTIONS)."""
    directions: Values = np.random.default_rng(_SEED).normal(size=(n, N_DIRECTIONS)) / N_DIRECTIONS**0.5
    return directions
