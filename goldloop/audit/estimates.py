"""Estimates from audits: the accuracy of the model over all traffic, by lane, by label and by round.

The labels of the random draw are unbiased but noisy; the model's probabilities for all traffic are exact but
may be biased. The draw measures that bias: the model's confidence is the control variate. The remaining
variance comes only from samples where the model was wrong about its own accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import (
    PRIOR_DEGREES,
    Estimate,
    Flags,
    Floats,
    Weights,
    checked_weights,
    effective_size,
    wilson,
)

TRUST = 20.0
"""Weight of the prior slope 1, which is right for a calibrated model, as a number of audits."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Estimates for all traffic; each is None if there are fewer than `MIN_N` audits for it.

    `accuracy` uses the model's confidence as control variate; `by_lane` is that of the labels that samples
    are taken for. `let_through` is the share of wrong labels among accepted samples. `by_label` is the recall
    of each true label, `missed_by_label` the share of its samples that were accepted under another label,
    `by_round` the accuracy of the samples scored in each round.
    """

    n: int
    n_traffic: int
    n_accepted: int
    accuracy: Estimate | None
    let_through: Estimate | None
    by_lane: Mapping[str, Estimate | None]
    by_label: Mapping[str, Estimate | None]
    missed_by_label: Mapping[str, Estimate | None]
    by_round: Mapping[int, Estimate | None]


def report_audit(audited: Audited, traffic: Traffic, *, labels: LabelSet) -> AuditReport:
    """Return the estimates from `audited`, which was drawn from `traffic`."""

    accuracies = (audited.is_right, audited.confidence, traffic.confidence)
    decided = (audited.is_decided_right, audited.decided_confidence, traffic.decided_confidence)

    def where(of_audited: Flags, of_traffic: Flags, kind: tuple[Flags, Floats, Floats]) -> Estimate | None:
        hits, confidence, of_all = kind
        return _share(audited.where(of_audited), hits[of_audited], confidence[of_audited], of_all[of_traffic])

    def of_label(hits: Flags) -> dict[str, Estimate | None]:
        found = {name: audited.truth == column for column, name in enumerate(labels)}
        return {
            name: audited.where(rows).share(hits[rows]) if rows.sum() >= MIN_N else None
            for name, rows in found.items()
        }

    lanes = [str(lane) for lane in Lane if (traffic.lanes == str(lane)).any()]
    by_lane = {lane: where(audited.lanes == lane, traffic.lanes == lane, decided) for lane in lanes}
    accepted = by_lane.get(str(Lane.AUTO))
    return AuditReport(
        n=len(audited),
        n_traffic=len(traffic),
        n_accepted=int((traffic.lanes == str(Lane.AUTO)).sum()),
        accuracy=estimate_accuracy(audited, traffic),
        let_through=None if accepted is None else accepted.complement(),
        by_lane=by_lane,
        by_label=of_label(audited.is_right),
        missed_by_label=of_label((audited.lanes == str(Lane.AUTO)) & ~audited.is_decided_right),
        by_round={
            number: where(audited.rounds == number, traffic.rounds == number, accuracies)
            for number in np.unique(traffic.rounds).tolist()
        },
    )


def estimate_accuracy(audited: Audited, traffic: Traffic) -> Estimate | None:
    """Return the accuracy of the model on `traffic`, from `audited`, which was drawn from it.

    None if there are fewer than `MIN_N` audits.
    """
    return _share(audited, audited.is_right, audited.confidence, traffic.confidence)


def _share(audited: Audited, hits: Flags, confidence: Floats, traffic: Floats) -> Estimate | None:
    if len(audited) < MIN_N:
        return None
    weights, clusters = audited.weights, audited.clusters
    return share_of_traffic(hits, confidence, traffic, weights=weights, clusters=clusters)


def share_of_traffic(
    hits: npt.ArrayLike,
    confidence: Floats,
    traffic: Floats,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Estimate:
    """Return the share of hits in the traffic from which `hits`, bool (n,), were drawn.

    `confidence` (n,) is the model's probability of each hit, `traffic` (N,) that of all samples, including
    the drawn ones. `weights` (n,) are inverse inclusion probabilities; only their ratios matter. `clusters`
    (n,) tell which samples belong together.

    The value is the generalised regression estimator [sarndal1992] with the slope of least variance
    [angelopoulos2023]. The linearised variance gives the effective size of the draw. The interval is Wilson's
    [wilson1927] for that size, with Student's quantile, because the variance is itself estimated. A finite
    population correction narrows the interval if the draw covers most of the traffic.

    The model is right on 80 of 100 audits, but the audits drawn were harder than the traffic:

    >>> hits = np.arange(100) < 80
    >>> confidence = np.where(np.arange(100) < 60, 0.95, 0.65)
    >>> print(share_of_traffic(hits, confidence, np.repeat([0.95, 0.65], [700, 300])))
    0.847 [0.78, 0.90], n=100

    Raises:
        EmptyPoolError: `hits` is empty.
    """
    right = np.asarray(hits, dtype=np.float64)
    n = right.size
    if n == 0:
        raise EmptyPoolError(
            "cannot estimate accuracy from 0 audits; label some audit samples, then run `goldloop pull`"
        )
    parts = checked_weights(weights, n)
    parts = parts / parts.sum()
    squares = parts**2 * _not_drawn(parts, len(traffic))
    plain, drawn_mean, traffic_mean = float(parts @ right), float(parts @ confidence), float(traffic.mean())
    slope = _slope(confidence - drawn_mean, right - plain, squares, variance=float(traffic.var()))
    value = min(1.0, max(0.0, plain + slope * (traffic_mean - drawn_mean)))
    is_mixed = 0 < right.sum() < n  # otherwise the hits do not show their own variance
    residuals = right - plain - slope * (confidence - drawn_mean)
    n_effective, degrees = effective_size(
        squares * np.square(residuals),
        variance=plain * (1 - plain) if is_mixed else 0.0,
        expected=_expected_effect(confidence, squares, traffic_mean),
        cluster_effect=cluster_effect(residuals, parts, clusters),
    )
    z = float(student.ppf(0.975, degrees + 2 * PRIOR_DEGREES))
    return Estimate(value, *wilson(value, n_effective, z=z), n=n)


def _not_drawn(parts: Weights, n_traffic: int) -> Floats:
    """Return 1 - inclusion probability of each sample, with weights scaled to sum to the traffic."""
    return np.asarray(1 - np.minimum(1.0, 1 / (parts * max(n_traffic, len(parts)))))


def _slope(confidence: Floats, right: Floats, squares: Floats, *, variance: float) -> float:
    """Return the slope of `right` on `confidence`, both centred, of least variance, shrunk towards 1.

    The prior audits have the `variance` of all traffic, because the draw may by chance hold no sample with
    low confidence.
    """
    trust = TRUST * float(squares.mean()) * variance
    scatter = float(squares @ confidence**2) + trust
    return (float(squares @ (confidence * right)) + trust) / scatter if scatter > 0 else 1.0


def _expected_effect(confidence: Floats, squares: Floats, traffic_mean: float) -> float:
    """Return the design effect of a model that is exactly calibrated."""
    sure, mean = (np.clip(values, 1e-4, 1 - 1e-4) for values in (confidence, traffic_mean))
    return float(len(confidence) * (squares @ (sure * (1 - sure))) / (mean * (1 - mean)))
