"""Correction: one temperature for all labels and, where it pays, an offset for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.stats.calibration.inputs import Matrix, checked_matrix


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits into probs: softmax(logits / temperature + offsets) [guo2017] [alexandari2020].

    `offsets` has one number for each label, in label-set order, or is empty: then the order of the labels in
    a row never changes.
    """

    temperature: float = 1.0
    offsets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidProbabilitiesError(
                f"temperature must be a positive number, got {self.temperature}; fit it again"
            )
        if not all(math.isfinite(one) for one in self.offsets):
            raise InvalidProbabilitiesError(f"offsets must be finite, got {self.offsets}; fit them again")

    def apply(self, logits: npt.ArrayLike) -> Matrix:
        """Return the probs of `logits` (n, n_labels), rows summing to 1.

        Raises:
            InvalidProbabilitiesError: logits that are not finite, or of another number of labels.
        """
        matrix = checked_matrix(logits, "logits")
        if self.offsets and len(self.offsets) != matrix.shape[1]:
            raise InvalidProbabilitiesError(
                f"there are {len(self.offsets)} offsets for {matrix.shape[1]} labels; fit them again"
            )
        shifted = matrix / self.temperature + (np.array(self.offsets) if self.offsets else 0.0)
        probs: Matrix = softmax(shifted, axis=1)
        return probs

    def to_dict(self) -> dict[str, float | list[float]]:
        """Return the fields as JSON knows them."""
        return {"temperature": self.temperature, "offsets": list(self.offsets)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the calibration that `to_dict` described; without "offsets" it has none."""
        offsets: Sequence[float] = values.get("offsets", ())
        return cls(float(values["temperature"]), tuple(float(one) for one in offsets))


def calibrated(logits: npt.ArrayLike, temperature: float) -> Matrix:
    """Return probs (n, n_labels) under one temperature.

    Raises:
        InvalidProbabilitiesError: as `Calibration`.
    """
    return Calibration(temperature).apply(logits)
