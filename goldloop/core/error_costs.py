"""Error costs: what it costs to take one label for another, and the label that is expected to cost least.

The cost of an error is a base and, where samples have a stake such as an amount of money, a factor of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.probs import Probs

Matrix = tuple[tuple[float, ...], ...]
"""Shape (n_labels, n_labels), rows the true label, columns what it is taken for, in label-set order."""

Stakes = npt.NDArray[np.float64]
"""Shape (n_samples,), what is at stake for each sample, at least 0."""

Amounts = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

TIE = 1e-9
"""Difference of expected costs, relative to 1 plus the largest error cost, below which they are equal."""


def stakes_or_none(stakes: Stakes | None, n: int) -> Stakes:
    """Return `stakes` (n,), zeros where there are none."""
    return np.zeros(n) if stakes is None else np.asarray(stakes, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ErrorCosts:
    """The cost of taking one label for another, in currency: `base` plus `factors` times the stake.

    The diagonals are 0. Without `factors` no stake counts.

    >>> costs = ErrorCosts(((0.0, 5.0), (15.0, 0.0)), ((0.0, 0.0), (1.0, 0.0)))  # genuine, fraud
    >>> costs.decided(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([10.0, 95.0])).tolist()
    [0, 1]
    """

    base: Matrix
    factors: Matrix = ()

    def expected(self, probs: Probs, stakes: Stakes | None = None) -> Amounts:
        """Return the expected cost (n, n_labels) of taking each sample for each label."""
        plain = np.asarray(probs @ np.asarray(self.base, dtype=np.float64))
        if not self.factors:
            return plain
        plain += stakes_or_none(stakes, len(probs))[:, None] * (probs @ np.asarray(self.factors))
        return plain

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the label (n,) that each sample is taken for at the least expected cost.

        Of labels that cost the same the likeliest is taken, and of these the first. Where all errors cost the
        same, that is the likeliest label of each sample.
        """
        if not len(probs):
            return np.zeros(0, dtype=np.intp)
        expected = self.expected(probs, stakes)
        least = expected.min(axis=1, keepdims=True)
        is_least = expected <= least + self.slack(stakes, len(probs))[:, None]
        return np.asarray(np.where(is_least, probs, -1.0).argmax(axis=1), dtype=np.intp)

    def paid(self, truth: Columns, taken: Columns, stakes: Stakes | None = None) -> Amounts:
        """Return what it costs (n,) to have taken samples of the labels `truth` for `taken`."""
        return np.asarray(self.of_truth(truth, stakes)[np.arange(len(truth)), taken])

    def of_truth(self, truth: Columns, stakes: Stakes | None = None) -> Amounts:
        """Return what it costs (n, n_labels) to take samples of the labels `truth` for each label."""
        paid = np.asarray(self.base, dtype=np.float64)[truth]
        if not self.factors:
            return np.asarray(paid)
        return np.asarray(
            paid + stakes_or_none(stakes, len(truth))[:, None] * np.asarray(self.factors)[truth]
        )

    def of_taken(self, taken: Columns, stakes: Stakes | None = None) -> Amounts:
        """Return what it costs (n, n_labels) to have taken samples for `taken`, by each true label."""
        return self._turned.of_truth(taken, stakes)

    def mean(self, stake: float = 0.0) -> float:
        """Return the mean cost of an error at a stake, over all pairs of different labels."""
        n = len(self.base)
        total = np.sum(self.base) + (stake * np.sum(self.factors) if self.factors else 0.0)
        return float(total / (n * (n - 1)))

    def slack(self, stakes: Stakes | None, n: int) -> Amounts:
        """Return the difference of costs (n,) below which they count as equal."""
        largest = np.full(n, np.max(self.base))
        if self.factors:
            largest += stakes_or_none(stakes, n) * np.max(self.factors)
        return np.asarray(TIE * (1 + largest))

    @property
    def _turned(self) -> ErrorCosts:
        """The same costs with rows and columns exchanged."""
        base, factors = (tuple(zip(*matrix, strict=True)) for matrix in (self.base, self.factors))
        return ErrorCosts(base, factors)
