"""Estimates from audits: the accuracy of the model over all traffic, by lane, by label and by round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.control_variate import share_of_traffic
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import confidence
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Estimate, Flags, share_estimate


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Estimates for all traffic; each is None if there are fewer than `MIN_N` audits for it.

    `accuracy` uses the model's confidence as control variate, `plain` does not. `let_through` is the share of
    wrong labels among accepted samples, `n_let_through` their number. `by_label` is the recall of each true
    label, `by_round` the accuracy of the samples scored in each round.
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
    """Return the estimates from `audited`, which was drawn from `traffic`."""

    def share_where(of_audited: Flags, of_traffic: Flags) -> Estimate | None:
        return estimate_accuracy(audited.where(of_audited), traffic.where(of_traffic))

    n_accepted = int((traffic.lanes == str(Lane.AUTO)).sum())
    by_lane = {
        str(lane): share_where(audited.lanes == str(lane), traffic.lanes == str(lane))
        for lane in Lane
        if (traffic.lanes == str(lane)).any()
    }
    accepted = by_lane.get(str(Lane.AUTO))
    let_through = None if accepted is None else accepted.complement()
    return AuditReport(
        n=len(audited),
        n_traffic=len(traffic),
        n_accepted=n_accepted,
        accuracy=estimate_accuracy(audited, traffic),
        plain=_share(audited),
        let_through=let_through,
        n_let_through=None if let_through is None else let_through.scaled(n_accepted),
        by_lane=by_lane,
        by_label={name: _share(audited.where(audited.truth == column)) for column, name in enumerate(labels)},
        by_round={
            number: share_where(audited.rounds == number, traffic.rounds == number)
            for number in np.unique(traffic.rounds).tolist()
        },
    )


def estimate_accuracy(audited: Audited, traffic: Traffic) -> Estimate | None:
    """Return the accuracy of the model on `traffic`, from `audited`, which was drawn from it.

    None if there are fewer than `MIN_N` audits.
    """
    if len(audited) < MIN_N:
        return None
    return share_of_traffic(
        audited.is_right, audited.confidence, confidence(traffic.probs), weights=audited.weights
    )


def _share(audited: Audited) -> Estimate | None:
    """Return the accuracy from audits alone, without control variate."""
    return share_estimate(audited.is_right, weights=audited.weights) if len(audited) >= MIN_N else None
