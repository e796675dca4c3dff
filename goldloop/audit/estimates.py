"""Estimates from audits: how right the model was over all traffic, by lane, by label and by round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.control_variate import share_of_traffic
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import confidence
from goldloop.stats.metrics import Estimate, Flags, share_estimate

FEWEST = 10
"""Audits below which there is no estimate but the words "too few"."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What audits say of the traffic; each estimate is None where fewer than FEWEST audits speak for it.

    `accuracy` uses the model's confidence as control variate, `plain` does not. `let_through` is the share of
    wrong labels among what was accepted, `n_let_through` their number (an estimate of a count). `by_label` is
    the recall of each true label, `by_round` the accuracy of what was scored in each round.
    """

    n: int
    n_traffic: int
    n_accepted: int
    accuracy: Estimate | None
    plain: Estimate | None
    let_through: Estimate | None
    n_let_through: Estimate | None
    by_lane: Mapping[str, Estimate | None]
    by_label: Mapping[str, Estimate | None]
    by_round: Mapping[int, Estimate | None]


def report_audit(audited: Audited, traffic: Traffic, *, labels: LabelSet) -> AuditReport:
    """Return every estimate that `audited`, drawn from `traffic`, supports."""

    def share_where(of_audited: Flags, of_traffic: Flags) -> Estimate | None:
        return estimate_accuracy(audited.where(of_audited), traffic.where(of_traffic))

    n_accepted = int((traffic.lanes == str(Lane.AUTO)).sum())
    by_lane = {
        str(lane): share_where(audited.lanes == str(lane), traffic.lanes == str(lane))
        for lane in Lane
        if (traffic.lanes == str(lane)).any()
    }
    let_through = _opposite(by_lane.get(str(Lane.AUTO)))
    return AuditReport(
        n=len(audited),
        n_traffic=len(traffic),
        n_accepted=n_accepted,
        accuracy=estimate_accuracy(audited, traffic),
        plain=_share(audited),
        let_through=let_through,
        n_let_through=None if let_through is None else _times(let_through, n_accepted),
        by_lane=by_lane,
        by_label={name: _share(audited.where(audited.truth == column)) for column, name in enumerate(labels)},
        by_round={
            number: share_where(audited.rounds == number, traffic.rounds == number)
            for number in np.unique(traffic.rounds).tolist()
        },
    )


def estimate_accuracy(audited: Audited, traffic: Traffic) -> Estimate | None:
    """Return the share of `traffic` that the model had right, from `audited`, which was drawn from it.

    None with fewer than FEWEST audits.
    """
    if len(audited) < FEWEST:
        return None
    return share_of_traffic(
        audited.is_right, audited.confidence, confidence(traffic.probs), weights=audited.weights
    )


def _share(audited: Audited) -> Estimate | None:
    """Return how often the model was right, by audits alone, as nobody knows the true labels of traffic."""
    return share_estimate(audited.is_right, weights=audited.weights) if len(audited) >= FEWEST else None


def _opposite(share: Estimate | None) -> Estimate | None:
    return None if share is None else Estimate(1 - share.value, 1 - share.high, 1 - share.low, share.n)


def _times(share: Estimate, factor: int) -> Estimate:
    return Estimate(share.value * factor, share.low * factor, share.high * factor, share.n)
