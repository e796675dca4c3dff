"""The head on frozen features: roots, centre, length 1, principal components, a linear model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from goldloop.stats.features import signed_roots
from goldloop.stats.metrics import Columns
from models.linear import cross_validated, fit_linear

N_COMPONENTS = 256
Values = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]
AnyRows = TypeVar("AnyRows", Values, Features)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear model of reduced features. Satisfies `models.cross_fit.Fit`.

    `mean` (d,) and `basis` (d, k) reduce features (n, d); `weights` (n_labels, k) and `intercepts`
    (n_labels,) make logits of them. `inverse_regularisation` is what cross-validation chose.
    `trust` (n,) is how much each sample it was fitted on counted; `held_out` (n, n_labels) are their logits
    by fits that did not learn from them; None for a head that was saved. `roots` tells whether features are
    replaced by their signed roots first.
    """

    mean: Features
    basis: Features
    weights: Features
    intercepts: Features
    inverse_regularisation: float
    trust: Values | None = None
    held_out: Values | None = None
    roots: bool = True

    @classmethod
    def fitted(cls, features: Features, columns: Columns, n_labels: int, *, roots: bool = True) -> Self:
        """Fit on `features` (n, d); `columns` (n,) are the labels.

        The components are those of the samples themselves. With up to N_COMPONENTS samples nothing is lost:
        weights under a quadratic penalty lie in the space of the samples. A label counts as much as fits that
        did not learn from its sample trust it.
        """
        mean, basis, reduced = reduced_by_own_components(features, roots=roots)
        chosen = cross_validated(reduced, columns, n_labels)
        strength, trust = chosen.inverse_regularisation, chosen.trust(columns)
        weights, intercepts = fit_linear(
            reduced, columns, n_labels, inverse_regularisation=strength, trust=trust
        )
        return cls(
            mean,
            basis,
            weights.astype(np.float32),
            intercepts.astype(np.float32),
            inverse_regularisation=strength,
            trust=trust,
            held_out=chosen.logits,
            roots=roots,
        )

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return len(self.intercepts)

    def refitted(self, reduced: Features, columns: Columns, trust: Values | None = None) -> Self:
        """Return the same components and regularisation with weights fitted on other samples.

        `reduced` (n, k) is what `reduced` returns of them, `columns` (n,) are their labels, and `trust` (n,)
        is how much they count.
        """
        weights, intercepts = fit_linear(
            reduced,
            columns,
            self.n_labels,
            inverse_regularisation=self.inverse_regularisation,
            trust=trust,
        )
        return replace(self, weights=weights.astype(np.float32), intercepts=intercepts.astype(np.float32))

    def reduced(self, features: Features) -> Features:
        """Return `features` (n, d) as float32 (n, k)."""
        return np.asarray(self._rows(features) @ self.basis, dtype=np.float32)

    def logits(self, features: Features) -> Values:
        """Return the logits of `features` (n, d), float64 (n, n_labels)."""
        folded = self.basis @ self.weights.T  # (d, n_labels), far fewer columns than the basis has
        return np.asarray(self._rows(features) @ folded + self.intercepts, dtype=np.float64)

    def _rows(self, features: Features) -> Features:
        return _of_length_one((signed_roots(features) if self.roots else features) - self.mean)


def reduced_by_own_components(features: Features, *, roots: bool) -> tuple[Features, Features, Features]:
    """Return mean (d,) and basis (d, k) of `features` (n, d), and what they reduce them to, (n, k)."""
    taken = signed_roots(features) if roots else features
    mean = taken.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = _of_length_one(taken - mean)
    basis = _components(rows)
    return mean, basis, rows @ basis


def _components(rows: Features) -> Features:
    """Return the first principal directions of `rows` (n, d), of length 1, as columns (d, k)."""
    n, d = rows.shape
    if n <= d:
        return np.asarray(np.linalg.svd(rows, full_matrices=False)[2][:N_COMPONENTS].T, dtype=np.float32)
    directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))[1]  # ascending
    return np.asarray(directions[:, ::-1][:, :N_COMPONENTS], dtype=np.float32)


def _of_length_one(rows: AnyRows) -> AnyRows:
    scaled: AnyRows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled
