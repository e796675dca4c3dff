"""Correction: one temperature for all labels and, optionally, one offset for each label."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.stats.calibration.inputs import Matrix, checked_matrix


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns logits into probs: softmax(logits / temperature + offsets) [guo2017] [alexandari2020].

    `offsets` has one number for each label, in label-set order, or is empty. Without offsets, calibration
    never changes the predicted label.

    >>> Calibration(temperature=2.0).apply([[4.0, 0.0]]).round(3)
    array([[0.881, 0.119]])
    """

    temperature: float = 1.0
    offsets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidProbabilitiesError(
                f"temperature must be a positive number, got {self.temperature}; fit the calibration again"
            )
        if not all(math.isfinite(offset) for offset in self.offsets):
            raise InvalidProbabilitiesError(
                f"offsets must be finite, got {self.offsets}; fit the calibration again"
            )

    def apply(self, logits: npt.ArrayLike) -> Matrix:
        """Return the probs of `logits` (n, n_labels); each row sums to 1.

        Raises:
            InvalidProbabilitiesError: a logit is not finite, or the number of labels differs.
        """
        matrix = checked_matrix(logits, "logits")
        if self.offsets and len(self.offsets) != matrix.shape[1]:
            raise InvalidProbabilitiesError(
                f"there are {len(self.offsets)} offsets for {matrix.shape[1]} labels; "
                "fit the calibration again"
            )
        shifted = matrix / self.temperature + (np.array(self.offsets) if self.offsets else 0.0)
        probs: Matrix = softmax(shifted, axis=1)
        return probs
