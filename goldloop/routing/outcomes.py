"""Policy outcomes: the result of a policy on audited samples, whose true label is known.

Shares have the score interval of `goldloop.stats.metrics`; costs have the normal interval of a weighted mean
[hajek1971], widened by two errors that were not seen. Both use the audits' weights; all intervals are 95 %.
An annotator's answer under another policy is unknown: errors count with the probability in the cost policy. A
held sample is priced as a full review, because somebody has to label it in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.lanes import Lane
from goldloop.routing.cost_policy import Cost
from goldloop.routing.policies import Policy
from goldloop.stats.comparison import Consequences
from goldloop.stats.means import mean_estimate
from goldloop.stats.metrics import Z_95, Estimate, Floats

PEOPLE = (str(Lane.REVIEW), str(Lane.FULL))

AnyTraffic = TypeVar("AnyTraffic", bound=Traffic)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of `policy` over all samples: shares in [0, 1], cost in currency per 1,000 samples.

    `by_lane` are shares of all samples, `to_people` is the share of quick and full reviews, `wrong_accepted`
    the share that is accepted with a wrong label. `let_through` is the share of wrong labels among the
    accepted samples, None where no accepted sample was audited. `cost` adds up the annotators' time and all
    errors, theirs and the model's.
    """

    policy: Policy
    to_people: Estimate
    by_lane: Mapping[str, float]
    wrong_accepted: Estimate
    let_through: Estimate | None
    cost: Estimate


def outcome(policy: Policy, audited: Audited, costs: Cost) -> Outcome:
    """Return the result of `policy` on `audited`, priced by `costs`.

    Raises:
        EmptyPoolError: no audits.
    """
    routed = under(policy, audited)
    is_accepted = routed.lanes == str(Lane.AUTO)
    kept = routed.where(is_accepted)
    unseen = one_error(costs, routed) if len(kept) else 0.0
    cost = mean_cost(costs_of(routed, costs), routed, unseen=unseen)
    return Outcome(
        policy=policy,
        to_people=routed.share(np.isin(routed.lanes, PEOPLE)),
        by_lane={
            str(lane): float(routed.weights[routed.lanes == str(lane)].sum() / routed.weights.sum())
            for lane in Lane
        },
        wrong_accepted=routed.share(is_accepted & ~routed.is_decided_right),
        let_through=kept.wrong_share(),
        cost=replace(cost, low=max(0.0, cost.low)),
    )


def under(policy: Policy, traffic: AnyTraffic) -> AnyTraffic:
    """Return samples with the lanes that `policy` sends them to, and the labels it takes them for."""
    probs, stakes = traffic.probs, traffic.stakes
    return replace(traffic, lanes=policy.lanes(probs, stakes), decided=policy.decided(probs, stakes))


def consequences(policy: Policy, audited: Audited, costs: Cost) -> Consequences:
    """Return what the decisions of `policy` on audited samples come to, priced by `costs`."""
    routed = under(policy, audited)
    is_missed = (routed.lanes == str(Lane.AUTO)) & ~routed.is_decided_right
    return Consequences(costs_of(routed, costs), is_missed)


def costs_of(audited: Audited, costs: Cost) -> Floats:
    """Return the cost of each audited sample (n,) in its lane, in currency per 1,000 samples."""
    errors, truth, stakes = costs.costs, audited.truth, audited.stakes
    quick, full = (review.of_truth(truth, errors, stakes) for review in (costs.quick, costs.full))
    by_people = np.where(audited.lanes == str(Lane.REVIEW), quick, full)
    accepted = errors.paid(truth, audited.decided, stakes)
    return np.asarray(1000 * np.where(audited.lanes == str(Lane.AUTO), accepted, by_people))


def mean_cost(values: Floats, audited: Audited, *, z: float = Z_95, unseen: float = 0.0) -> Estimate:
    """Return the weighted mean of `values` (n,) of the audited samples, as `mean_estimate` does."""
    return mean_estimate(values, weights=audited.weights, clusters=audited.clusters, z=z, unseen=unseen)


def one_error(costs: Cost, audited: Audited) -> float:
    """Return the mean cost of an error over all pairs of labels, in currency per 1,000 samples.

    The stake is the mean one of the `audited` samples, 0 without any.
    """
    stake = float(np.average(audited.stakes, weights=audited.weights)) if len(audited) else 0.0
    return 1000 * costs.costs.mean(stake)
