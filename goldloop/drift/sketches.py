"""Sketches: what one scoring pass saw, summed up in a few tens of kilobytes, whatever its size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.labels import LabelSet
from goldloop.predictions import Probs
from goldloop.samples import SampleId

N_BINS = 20
"""Equally wide bins of confidence."""

N_KEPT = 256
"""Embeddings kept of a pass: those of the samples with the smallest hashes, a simple random draw."""

N_DIRECTIONS = 32
"""Numbers kept of an embedding: its projections on random directions, which keep distances [johnson1984]."""

_SEED = 20
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Sketch:
    """A summary of n predictions of one model that can be added to others.

    `confidence_counts` (N_BINS,) and `label_counts` (one for each of `labels`) sum to n. `ranks` are the
    hashes of the samples whose projected embeddings are `directions`, float16 (at most N_KEPT,
    N_DIRECTIONS), smallest first; both are empty where a model has no embeddings.
    """

    labels: tuple[str, ...]
    confidence_counts: npt.NDArray[np.int64]
    label_counts: npt.NDArray[np.int64]
    ranks: tuple[str, ...]
    directions: npt.NDArray[np.float16]

    @property
    def n(self) -> int:
        """Number of predictions."""
        return int(self.label_counts.sum())

    def to_json(self) -> str:
        """Return the sketch as text; about 25 kB."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, text: str) -> Sketch:
        """Return the sketch that `to_json` wrote."""
        raise NotImplementedError


class SketchBuilder:
    """Takes minibatches, in any order and of any size, at constant memory."""

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels

    def add(self, probs: Probs, embeddings: npt.NDArray[np.float32], sample_ids: Sequence[SampleId]) -> None:
        """Add n predictions: calibrated `probs` (n, n_labels) and `embeddings` (n, n_features)."""
        raise NotImplementedError

    def sketch(self) -> Sketch:
        """Return what was added so far; the same whatever the order."""
        raise NotImplementedError


def merged(sketches: Iterable[Sketch]) -> Sketch | None:
    """Return one sketch of all that `sketches` saw, the same whatever their order; None of none.

    Raises:
        LabelError: they are of models with different labels.
    """
    raise NotImplementedError
