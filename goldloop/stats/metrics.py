"""Accuracies with their intervals: nothing here returns a number alone.

Columns are label-set positions, int (n,). Weights are inverse inclusion probabilities, float (n,), positive;
with them every share is a Hájek mean [hajek1971] and every interval rests on the number of equally weighted
samples that would scatter as much (`worth`). All intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution

Columns = npt.NDArray[np.intp]
Weights = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


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


def checked_columns(columns: npt.ArrayLike, *, n_labels: int) -> Columns:
    """Return `columns` as whole numbers (n,) in [0, n_labels).

    Raises:
        LabelError: names the first column outside the label set, or the shape that is not (n,).
    """
    checked = np.asarray(columns)
    if checked.ndim != 1:
        raise LabelError(f"columns need shape (n,), got {checked.shape}; give one label for each sample")
    if checked.size and not np.issubdtype(checked.dtype, np.integer):
        raise LabelError(f"columns need to be whole numbers, got {checked.dtype}; use LabelSet.column")
    outside = (checked < 0) | (checked >= n_labels)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise LabelError(
            f"column {checked[row]} of row {row} is outside the label set of {n_labels} labels; "
            "use LabelSet.column"
        )
    return checked.astype(np.intp)


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


def effective_sample_size(weights: Weights) -> float:
    """Return how many equally weighted samples carry as much, (sum w)^2 / sum w^2 [kish1965]."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def wilson(share: float, n_effective: float, *, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a share [wilson1927], inside [0, 1] and never of zero width.

    `z` is the quantile, of 95 % unless another is given.
    """
    z2 = z**2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    half = z / (1 + z2 / n_effective) * sqrt(share * (1 - share) / n_effective + z2 / (4 * n_effective**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


PRIOR_SURPRISES = 8.0
"""Surprises, such as errors, that the scatter expected beforehand is worth; it rules where few were drawn.

From 2 to 32 the coverage of weighted estimates moves by at most 3 points, most where a model is badly
calibrated; measured on real outputs, see `scripts/bench/guarantees/audit.py`.
"""


def worth(pulls: Weights, *, variance: float, expected: float) -> tuple[float, float]:
    """Return how many equally weighted samples scatter as much as a draw does, and the surprises it rests on.

    `pulls` (n,) are what each sample adds to the estimate's variance, `variance` is that of one sample drawn
    plainly. Their ratio, the design effect, is shrunk towards the `expected` one, as it rests on few samples
    where errors are few: the count that [satterthwaite1946] gives, at most n.
    """
    n, total = len(pulls), float(pulls.sum())
    if total <= 0 or variance <= 0:
        return n / max(expected, 1e-12), 0.0
    surprises = total**2 / float(np.square(pulls).sum())
    effect = (surprises * n * total / variance + PRIOR_SURPRISES * expected) / (surprises + PRIOR_SURPRISES)
    return n / max(effect, 1e-12), surprises


def share_estimate(hits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> Estimate:
    """Return the (weighted) share of true entries in `hits`, bool (n,).

    Raises:
        EmptyPoolError: there are no entries; nothing is not 0 %.
    """
    share, n_effective = share_and_worth(hits, weights=weights)
    return Estimate(share, *wilson(share, n_effective), n=np.size(hits))


def share_and_worth(hits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> tuple[float, float]:
    """Return the (weighted) share of true entries, and how many equally weighted samples scatter as much.

    Raises:
        EmptyPoolError: there are no entries.
    """
    checked = np.asarray(hits, dtype=bool)
    if checked.size == 0:
        raise EmptyPoolError("0 samples give no accuracy; label some audit samples and pull first")
    checked_w = checked_weights(weights, checked.size)
    parts = checked_w / checked_w.sum()
    share = 1.0 if checked.all() else float(parts[checked].sum())
    pulls = np.square(parts * (checked - share))
    n_effective, _ = worth(
        pulls, variance=share * (1 - share), expected=len(parts) / effective_sample_size(parts)
    )
    return share, n_effective


def _hits(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Flags:
    true, said = np.asarray(truth), np.asarray(predicted)
    if true.ndim != 1 or true.shape != said.shape:
        raise LabelError(
            f"true columns have shape {true.shape}, predicted ones {said.shape}; both need the same (n,)"
        )
    return np.asarray(true == said, dtype=bool)


def accuracy(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> Estimate:
    """Return the share of samples whose predicted column is the true one, with its score interval.

    Raises:
        EmptyPoolError: no samples.
        LabelError: the two do not have the same shape (n,).
    """
    return share_estimate(_hits(truth, predicted), weights=weights)


def _optional_share(hits: Flags, weights: Weights) -> Estimate | None:
    return share_estimate(hits, weights=weights) if hits.size else None


def _f1(true: Flags, said: Flags, weights: Weights) -> Estimate | None:
    """F1 = 2J / (1 + J), J being the share of agreement where either side says the label [lam2023]."""
    either = true | said
    agreed = _optional_share((true & said)[either], weights[either])
    if agreed is None:
        return None
    value, low, high = (2 * j / (1 + j) for j in (agreed.value, agreed.low, agreed.high))
    return Estimate(value, low, high, n=agreed.n)


def per_label(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    labels: LabelSet,
    weights: npt.ArrayLike | None = None,
) -> tuple[LabelMetrics, ...]:
    """Return precision, recall and F1 of each label, in label-set order.

    A figure that nothing speaks for is None, never 0 (see `LabelMetrics`).

    Raises:
        LabelError: a column outside the label set, or shapes that differ.
    """
    hits = _hits(truth, predicted)
    true, said = (checked_columns(side, n_labels=len(labels)) for side in (truth, predicted))
    checked_w = checked_weights(weights, hits.size)
    return tuple(
        LabelMetrics(
            label=name,
            n=int((true == column).sum()),
            precision=_optional_share(hits[said == column], checked_w[said == column]),
            recall=_optional_share(hits[true == column], checked_w[true == column]),
            f1=_f1(true == column, said == column, checked_w),
        )
        for column, name in enumerate(labels)
    )


def confusion(truth: npt.ArrayLike, predicted: npt.ArrayLike, *, n_labels: int) -> npt.NDArray[np.int64]:
    """Return counts (n_labels, n_labels): row the true column, column the predicted one.

    Raises:
        LabelError: a column outside the label set, or shapes that differ.
    """
    _hits(truth, predicted)
    true, said = (checked_columns(side, n_labels=n_labels) for side in (truth, predicted))
    counts = np.bincount(true * n_labels + said, minlength=n_labels**2)
    return counts.reshape(n_labels, n_labels).astype(np.int64)
