"""Metrics: accuracy, precision, recall and F1, each with its 95 % interval.

Columns are positions in the label set, int (n,). Weights are inverse inclusion probabilities, float (n,),
positive. A weighted share is a Hájek mean [hajek1971]; its interval uses `effective_size` instead of n.
Clusters, (n,) of anything that sorts, tell which samples belong together (`goldloop.stats.clusters`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.stats.clusters import cluster_effect

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
Weights = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval [low, high] and the number of samples `n` it was computed from."""

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 1 or not self.low <= self.value <= self.high:
            raise ValueError(f"an estimate needs n >= 1 and low <= value <= high, got {asdict(self)}")

    def complement(self) -> Self:
        """Return 1 minus this estimate: from the share of right labels, the share of wrong ones."""
        return type(self)(1 - self.value, 1 - self.high, 1 - self.low, self.n)

    def __str__(self) -> str:
        """Return for example '0.913 [0.85, 0.95], n=120'; an interval below 0.02 gets a third digit."""
        digits = 2 if self.high - self.low >= 0.02 else 3
        return f"{self.value:.3f} [{self.low:.{digits}f}, {self.high:.{digits}f}], n={self.n}"


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """Metrics of one label; `n` counts the samples whose true label it is.

    `precision` is None if the label was never predicted, `recall` if no sample has it, `f1` if both hold.
    """

    label: str
    n: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


def checked_columns(columns: npt.ArrayLike, *, n_labels: int) -> Columns:
    """Return `columns` as integers (n,) in [0, n_labels).

    Raises:
        LabelError: the shape is not (n,), or a column is outside the label set; names the first.
    """
    checked = np.asarray(columns)
    if checked.ndim != 1:
        raise LabelError(f"columns need shape (n,), got {checked.shape}; pass one label for each sample")
    if checked.size and not np.issubdtype(checked.dtype, np.integer):
        raise LabelError(f"columns need to be integers, got {checked.dtype}; use LabelSet.column")
    outside = (checked < 0) | (checked >= n_labels)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise LabelError(
            f"column {checked[row]} of row {row} is outside the label set of {n_labels} labels; "
            "use LabelSet.column"
        )
    return checked.astype(np.intp)


def checked_weights(weights: npt.ArrayLike | None, n: int) -> Weights:
    """Return `weights` as float64 (n,); ones if `weights` is None.

    Raises:
        InvalidProbabilitiesError: the shape is not (n,), or a weight is not a positive finite number.
    """
    if weights is None:
        return np.ones(n)
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != (n,):
        raise InvalidProbabilitiesError(
            f"weights have shape {checked.shape}, but there are {n} samples; pass one weight for each sample"
        )
    bad = ~(np.isfinite(checked) & (checked > 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidProbabilitiesError(
            f"weight {checked[row]} of row {row} is not a positive number; use 1 / inclusion probability"
        )
    return checked


def effective_sample_size(weights: Weights) -> float:
    """Return Kish's effective sample size of `weights` (n,), (sum w)^2 / sum w^2 [kish1965]."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def wilson(share: float, n_effective: float, *, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval of `share` among `n_effective` samples [wilson1927].

    The interval lies inside [0, 1] and has a positive width. `z` is the normal quantile (default: 95 %).
    """
    z2 = z**2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    half = z / (1 + z2 / n_effective) * sqrt(share * (1 - share) / n_effective + z2 / (4 * n_effective**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


PRIOR_DEGREES = 8.0
"""Weight of the expected design effect in `effective_size`, in degrees of freedom.

Between 2 and 32 the coverage of weighted estimates changes by at most 3 points, most where a model is badly
calibrated (measured on real outputs by `python -m scripts.bench.guarantees --part audit`).
"""


def effective_size(
    contributions: Weights, *, variance: float, expected: float, cluster_effect: float = 1.0
) -> tuple[float, float]:
    """Return the number of equally weighted samples with the same variance, and its degrees of freedom.

    `contributions` (n,) are the terms of the estimate's variance, `variance` is the variance of one sample
    of a simple random draw. Their ratio is the design effect. It is shrunk towards the design effect
    `expected` beforehand, because it rests on few samples where errors are rare. The degrees of freedom, at
    most n, follow [satterthwaite1946]. `cluster_effect` is the further factor of the variance that comes from
    samples which belong together; it divides both.
    """
    n, total = len(contributions), float(contributions.sum())
    if total <= 0 or variance <= 0:
        return n / max(expected, 1e-12) / cluster_effect, 0.0
    degrees = total**2 / float(np.square(contributions).sum())
    effect = (degrees * n * total / variance + PRIOR_DEGREES * expected) / (degrees + PRIOR_DEGREES)
    return n / max(effect, 1e-12) / cluster_effect, degrees / cluster_effect


def share_estimate(
    hits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None, clusters: npt.ArrayLike | None = None
) -> Estimate:
    """Return the `share_and_effective_size` of `hits`, bool (n,), as a share with its score interval."""
    share, n_effective = share_and_effective_size(hits, weights=weights, clusters=clusters)
    return Estimate(share, *wilson(share, n_effective), n=np.size(hits))


def share_and_effective_size(
    hits: npt.ArrayLike, *, weights: npt.ArrayLike | None = None, clusters: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """Return the (weighted) share of true entries in `hits`, bool (n,), and its `effective_size`.

    Raises:
        EmptyPoolError: `hits` is empty.
    """
    checked = np.asarray(hits, dtype=bool)
    if checked.size == 0:
        raise EmptyPoolError(
            "cannot compute an accuracy from 0 samples; label some audit samples, then run `goldloop pull`"
        )
    parts = checked_weights(weights, checked.size)
    parts = parts / parts.sum()
    share = 1.0 if checked.all() else float(parts[checked].sum())
    n_effective, _ = effective_size(
        np.square(parts * (checked - share)),
        variance=share * (1 - share),
        expected=len(parts) / effective_sample_size(parts),
        cluster_effect=cluster_effect(checked - share, parts, clusters),
    )
    return share, n_effective


def _hits(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Flags:
    true, guessed = np.asarray(truth), np.asarray(predicted)
    if true.ndim != 1 or true.shape != guessed.shape:
        raise LabelError(
            f"true columns have shape {true.shape}, predicted columns {guessed.shape}; both need shape (n,)"
        )
    return np.asarray(true == guessed, dtype=bool)


def accuracy(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Estimate:
    """Return the share of samples whose predicted column is the true one, with its score interval.

    Raises:
        EmptyPoolError: there are no samples.
        LabelError: `truth` and `predicted` do not have the same shape (n,).
    """
    return share_estimate(_hits(truth, predicted), weights=weights, clusters=clusters)


def _share_where(rows: Flags, hits: Flags, weights: Weights, clusters: npt.NDArray[Any]) -> Estimate | None:
    """Return the share of `hits` among `rows`, None where there are none."""
    return share_estimate(hits[rows], weights=weights[rows], clusters=clusters[rows]) if rows.any() else None


def _f1(true: Flags, predicted: Flags, weights: Weights, clusters: npt.NDArray[Any]) -> Estimate | None:
    """F1 = 2J / (1 + J); J is the Jaccard index of the true and the predicted samples [lam2023]."""
    agreed = _share_where(true | predicted, true & predicted, weights, clusters)
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
    clusters: npt.ArrayLike | None = None,
) -> tuple[LabelMetrics, ...]:
    """Return precision, recall and F1 of each label, in label-set order.

    A metric without samples is None, never 0 (see `LabelMetrics`).

    Raises:
        LabelError: a column is outside the label set, or the shapes differ.
    """
    hits = _hits(truth, predicted)
    true, guessed = (checked_columns(side, n_labels=len(labels)) for side in (truth, predicted))
    checked_w = checked_weights(weights, hits.size)
    together = np.arange(hits.size) if clusters is None else np.asarray(clusters)
    return tuple(
        LabelMetrics(
            label=name,
            n=int((true == column).sum()),
            precision=_share_where(guessed == column, hits, checked_w, together),
            recall=_share_where(true == column, hits, checked_w, together),
            f1=_f1(true == column, guessed == column, checked_w, together),
        )
        for column, name in enumerate(labels)
    )
