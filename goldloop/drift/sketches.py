"""Sketches: a summary of one scoring pass in about 6 kB, whatever the number of samples."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A summary of n predictions of one model; summaries can be added.

    `confidence_counts` (N_BINS,) and `label_counts` (n_labels,) sum to n. `sums` (N_FEATURES,) and `products`
    (N_FEATURES, N_FEATURES) are sums over embeddings of the features and of their pairwise products. The
    features are the embedding, normalised and projected to N_DIRECTIONS, and the logarithm of its length.
    """

    labels: tuple[str, ...]
    confidence_counts: Counts
    label_counts: Counts
    sums: Values
    products: Values

    @property
    def n(self) -> int:
        """Number of predictions."""
        return int(self.label_counts.sum())

    @property
    def mean(self) -> Values:
        """Mean of the features, (N_FEATURES,)."""
        return self.sums / max(1, self.n)

    @property
    def scatter(self) -> Values:
        """Scatter matrix of the features, (n - 1) times their covariance, (N_FEATURES, N_FEATURES)."""
        return self.products - np.outer(self.sums, self.sums) / max(1, self.n)

    def to_json(self) -> str:
        """Return the sketch as JSON text."""
        return json.dumps(
            {
                "labels": list(self.labels),
                "confidence_counts": self.confidence_counts.tolist(),
                "label_counts": self.label_counts.tolist(),
                "sums": _encoded(self.sums),
                "products": _encoded(self.products[np.triu_indices(N_FEATURES)]),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Sketch:
        """Return the sketch that `to_json` wrote, identical in every bit."""
        values = json.loads(text)
        products = np.zeros((N_FEATURES, N_FEATURES))
        products[np.triu_indices(N_FEATURES)] = _decoded(values["products"])
        return cls(
            labels=tuple(values["labels"]),
            confidence_counts=np.array(values["confidence_counts"], dtype=np.int64),
            label_counts=np.array(values["label_counts"], dtype=np.int64),
            sums=_decoded(values["sums"]),
            products=products + np.triu(products, 1).T,
        )


class SketchBuilder:
    """Adds up the minibatches of one pass, of any size and in any order, in constant memory."""

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._sketch = Sketch(
            labels.names,
            np.zeros(N_BINS, np.int64),
            np.zeros(len(labels), np.int64),
            np.zeros(N_FEATURES),
            np.zeros((N_FEATURES, N_FEATURES)),
        )

    def add(self, probs: Probs, embeddings: npt.NDArray[np.float32]) -> None:
        """Add n predictions: calibrated `probs` (n, n_labels), `embeddings` (n, any number of features).

        Raises:
            InvalidProbabilitiesError: a row of `probs` is not a distribution, the number of embeddings
            differs,
                or an embedding is not finite.
        """
        checked = checked_probs(probs, self._labels)
        features = _features(embeddings, len(checked))
        in_bins = np.minimum((confidence(checked) * N_BINS).astype(np.intp), N_BINS - 1)
        part = Sketch(
            self._labels.names,
            np.bincount(in_bins, minlength=N_BINS),
            np.bincount(checked.argmax(axis=1), minlength=len(self._labels)),
            features.sum(axis=0),
            features.T @ features,
        )
        self._sketch = _added([self._sketch, part])

    def sketch(self) -> Sketch:
        """Return the sketch of all minibatches added so far."""
        return self._sketch


def merged(sketches: Iterable[Sketch]) -> Sketch | None:
    """Return the sum of `sketches`, up to rounding the same in any order; None if there are none.

    Raises:
        LabelError: the sketches have different labels.
    """
    parts = list(sketches)
    label_sets = {sketch.labels for sketch in parts}
    if len(label_sets) > 1:
        raise LabelError(
            f"cannot add sketches with different labels, {sorted(label_sets)}; "
            "pass sketches of one model version"
        )
    return _added(parts) if parts else None


def _added(parts: Sequence[Sketch]) -> Sketch:
    names = ("confidence_counts", "label_counts", "sums", "products")
    sums = {name: np.sum([getattr(sketch, name) for sketch in parts], axis=0) for name in names}
    return Sketch(parts[0].labels, **sums)


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
    onto = np.random.default_rng(_SEED).normal(size=(rows.shape[1], N_DIRECTIONS)) / N_DIRECTIONS**0.5
    return np.concatenate([rows / lengths @ onto, np.log(lengths)], axis=1)


def _encoded(values: Values) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _decoded(text: str) -> Values:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
