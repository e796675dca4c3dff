"""Accuracies with their intervals: nothing here returns a number alone.

Columns are label-set positions, int (n,). Weights are inverse inclusion probabilities, float (n,), positive;
with them every share is a Hájek mean [hajek1971] and every interval rests on the effective sample size
(sum w)^2 / sum w^2 [kish1965]. All intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.errors import EmptyPoolError, InvalidProbabilitiesError

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution

Columns = npt.NDArray[np.integer[Any]]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval and the number of samples it rests on."""

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 1 or not self.low <= self.value <= self.high:
            raise ValueError(f"an estimate needs n >= 1 and low <= value <= high, got {self.to_dict()}")

    def __str__(self) -> str:
        """Return for example '0.913 [0.85, 0.95], n=120'; a narrow interval gets a third digit."""
        digits = 2 if self.high - self.low >= 0.02 else 3
        return f"{self.value:.3f} [{self.low:.{digits}f}, {self.high:.{digits}f}], n={self.n}"

    def to_dict(self) -> dict[str, float | int]:
        """Return the fields as JSON knows them."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the estimate that `to_dict` described."""
        return cls(float(values["value"]), float(values["low"]), float(values["high"]), int(values["n"]))


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """How one label fares; None where nothing was predicted (precision) or present (recall) or both (f1).

    `n` counts the samples whose true label it is.
    """

    label: str
    n: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them."""
        parts = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {"label": self.label, "n": self.n} | {
            name: None if estimate is None else estimate.to_dict() for name, estimate in parts.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the metrics that `to_dict` described."""
        parts = {
            name: None if values[name] is None else Estimate.from_dict(values[name])
            for name in ("precision", "recall", "f1")
        }
        return cls(label=str(values["label"]), n=int(values["n"]), **parts)


def checked_weights(weights: npt.ArrayLike | None, n: int) -> Weights:
    """Return `weights` as float64 (n,), ones if None.

    Raises:
        InvalidProbabilitiesError: another length, or a weight that is no positive finite number.
    """
    if weights is None:
        return np.ones(n)
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != (n,):
        raise InvalidProbabilitiesError(
            f"weights have shape {checked.shape}, but there are {n} samples; give one each"
        )
    bad = ~(np.isfinite(checked) & (checked > 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidProbabilitiesError(
            f"weight {checked[row]} of row {row} is no positive number; a weight is 1 / inclusion probability"
        )
    return checked


def effective_n(weights: Weights) -> float:
    """Return how many equally weighted samples carry as much, (sum w)^2 / sum w^2 [kish1965]."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def wilson(share: float, n_effective: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share [wilson1927], inside [0, 1] and never of zero width."""
    z2 = Z_95**2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    half = (
        Z_95 / (1 + z2 / n_effective) * np.sqrt(share * (1 - share) / n_effective + z2 / (4 * n_effective**2))
    )
    return max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half)))


def share_estimate(hits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> Estimate:
    """Return the (weighted) share of true entries in `hits`, bool (n,).

    Raises:
        EmptyPoolError: there are no entries; nothing is not 0 %.
    """
    checked = np.asarray(hits, dtype=bool)
    if checked.size == 0:
        raise EmptyPoolError("0 samples give no accuracy; label some audit samples and pull first")
    checked_w = checked_weights(weights, checked.size)
    share = min(1.0, float(checked_w[checked].sum() / checked_w.sum()))
    return Estimate(share, *wilson(share, effective_n(checked_w)), n=checked.size)
