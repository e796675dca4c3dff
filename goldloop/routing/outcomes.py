"""Policy outcomes: the result of a policy on audited samples, whose true label is known.

Shares have the score interval of `goldloop.stats.metrics`; costs have the normal interval of a weighted mean
[hajek1971], widened by two errors that were not seen. Both use the audits' weights; all intervals are 95 %.
An annotator's answer under another policy is unknown: errors count with the probability in the cost policy. A
held sample is priced as a full review, because somebody has to label it in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.routing.policies import Cost, LaneRow, Policy
from goldloop.stats.metrics import Z_95, Estimate, Floats

PEOPLE = (str(Lane.REVIEW), str(Lane.FULL))


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
    lanes = policy.lanes(audited.probs)
    is_accepted = lanes == str(Lane.AUTO)
    kept = audited.where(is_accepted)
    cost = mean_cost(costs_of(lanes, audited, costs), audited, unseen=one_error(costs) if len(kept) else 0.0)
    return Outcome(
        policy=policy,
        to_people=audited.share(np.isin(lanes, PEOPLE)),
        by_lane={
            str(lane): float(audited.weights[lanes == str(lane)].sum() / audited.weights.sum())
            for lane in Lane
        },
        wrong_accepted=audited.share(is_accepted & ~audited.is_right),
        let_through=kept.wrong_share(),
        cost=replace(cost, low=max(0.0, cost.low)),
    )


def costs_of(lanes: LaneRow, audited: Audited, costs: Cost) -> Floats:
    """Return the cost of each audited sample (n,) in its lane, in currency per 1,000 samples."""
    errors = np.asarray(costs.errors)
    accepted = errors[audited.truth, audited.probs.argmax(axis=1)]
    quick, full = (
        review.price + (np.asarray(review.answers) * errors).sum(axis=1)[audited.truth]
        for review in (costs.quick, costs.full)
    )
    by_people = np.where(lanes == str(Lane.REVIEW), quick, full)
    return np.asarray(1000 * np.where(lanes == str(Lane.AUTO), accepted, by_people))


def mean_cost(values: Floats, audited: Audited, *, z: float = Z_95, unseen: float = 0.0) -> Estimate:
    """Return the weighted mean of `values` (n,) with its normal interval, by default of 95 %.

    `unseen` is what one more error would add to one value. The interval is that of two more errors, one in
    each direction, because few audits without an error do not prove that there are none.
    """
    weights = audited.weights / audited.weights.sum()
    mean = float(weights @ values)
    n = len(values)
    spread = np.square(weights * (values - mean)).sum() * n / max(n - 1, 1)
    spread *= audited.cluster_effect(values - mean)
    half = z * float(np.sqrt(spread + 2 * unseen**2 * np.square(weights).sum() / n))
    return Estimate(mean, mean - half, mean + half, n)


def one_error(costs: Cost) -> float:
    """Return the mean cost of an error over all pairs of labels, in currency per 1,000 samples."""
    errors = np.asarray(costs.errors)
    n = len(errors)
    return float(1000 * errors.sum() / (n * (n - 1)))
