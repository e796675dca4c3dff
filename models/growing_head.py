"""A head that is fitted again and again on more of the same samples, as in a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from goldloop.core.probs import Probs
from goldloop.stats.metrics import Columns
from models.head import Features, reduced_by_own_components
from models.linear import cross_validated, fit_linear


@dataclass(slots=True)
class GrowingHead:
    """Fits a head on ever more rows of `reduced` (n, k), and returns its probs of all of them.

    The components of all samples need no label and serve every fit. Cross-validation chooses the
    regularisation again whenever the rows have doubled: of a fit it is the slow part.
    """

    reduced: Features
    n_labels: int
    _inverse_regularisation: float = 1.0
    _n_validated: int = 0

    @classmethod
    def on(cls, features: npt.NDArray[np.float16], n_labels: int, *, roots: bool = True) -> Self:
        """Return a head on `features` (n, d), or on their signed roots."""
        return cls(reduced_by_own_components(features.astype(np.float32), roots=roots)[2], n_labels)

    def fresh(self) -> Self:
        """Return a head on the same features that was never fitted."""
        return type(self)(self.reduced, self.n_labels)

    def __call__(self, rows: npt.NDArray[np.int64], columns: Columns) -> Probs:
        """Fit on `rows`, whose labels are `columns`; return probs (n, n_labels), not calibrated."""
        known = self.reduced[rows].astype(np.float64)
        if len(rows) >= 2 * self._n_validated:
            chosen = cross_validated(known, columns, self.n_labels)
            self._inverse_regularisation = chosen.inverse_regularisation
            self._n_validated = len(rows)
        weights, intercepts = fit_linear(
            known, columns, self.n_labels, inverse_regularisation=self._inverse_regularisation
        )
        return np.asarray(softmax(self.reduced @ weights.T + intercepts, axis=1))
