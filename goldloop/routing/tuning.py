"""Tuning: the result of many policies on the audited samples, and a recommendation.

Of many policies compared on the same audits, one looks good by luck. A policy is therefore recommended only
if its saving over the policy in force, sample by sample, is positive at a bound that holds for all candidates
at once [dunn1961], and only if its errors stay within the settings. Half of the error probability is kept for
the cost policy, the only candidate that follows from the settings alone; the other candidates share the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from scipy.stats import norm

from goldloop.audit.audited import Audited
from goldloop.core.errors import EmptyPoolError
from goldloop.core.lanes import Lane
from goldloop.routing.cost_policy import Cost
from goldloop.routing.fit import KnownPeople, band_policy, cost_policy, fit_target
from goldloop.routing.outcomes import Outcome, costs_of, mean_cost, one_error, outcome, under
from goldloop.routing.policies import Band, Policy, Target
from goldloop.settings import Settings
from goldloop.stats.metrics import Estimate

LOWS, HIGHS = (0.0, 0.40), (0.60, 0.70, 0.80, 0.85, 0.90, 0.95, 0.98)  # of the bands compared
TARGETS = (0.90, 0.95, 0.98, 0.99)
FEWEST = 30
"""Audits below which nothing is recommended: the interval of a share of one half is +- 18 points wide."""
POINTS = 60


@dataclass(frozen=True, slots=True)
class Point:
    """The result of accepting from `threshold` on, with a quick review below it.

    `accepted` is the share of all samples, `let_through` the share of errors among the accepted, `cost` in
    currency per 1,000 samples.
    """

    threshold: float
    accepted: Estimate
    let_through: Estimate
    cost: Estimate


@dataclass(frozen=True, slots=True)
class Candidate:
    """A compared policy; `saving` is in currency per 1,000 samples against the policy in force.

    The interval of `saving` holds for all candidates together.
    """

    outcome: Outcome
    saving: Estimate


@dataclass(frozen=True, slots=True)
class Tuning:
    """The policy in force, the candidates, and the recommended policy with the reasons.

    `points` are thresholds in ascending order, for plots.
    """

    currency: str
    present: Outcome
    candidates: tuple[Candidate, ...]
    recommended: Outcome
    reasons: tuple[str, ...]
    points: tuple[Point, ...]


def tune(
    audited: Audited, settings: Settings, *, present: Policy, people: KnownPeople | None = None
) -> Tuning:
    """Return the comparison of policies on `audited`, the holdout as today's champion evaluated it.

    Raises:
        EmptyPoolError: no audits.
    """
    if not len(audited):
        raise EmptyPoolError(
            "Cannot compare policies: the holdout of today's champion is empty. Answer some audit tasks, "
            "then run `goldloop round`."
        )
    costs, why = cost_policy(settings, people or KnownPeople())
    policies = candidate_policies(audited, settings, costs)
    z_cost, z_grid = norm.ppf(1 - 0.05 / 4), norm.ppf(1 - 0.05 / (4 * (len(policies) - 1)))
    candidates = tuple(
        Candidate(
            outcome(policy, audited, costs),
            _saving(present, policy, audited, costs, z=float(z_cost if policy is costs else z_grid)),
        )
        for policy in policies
    )
    today = outcome(present, audited, costs)
    best, reasons = _recommended(today, candidates, settings)
    return Tuning(
        currency=settings.cost.currency,
        present=today,
        candidates=candidates,
        recommended=best,
        reasons=(*reasons, *why),
        points=threshold_points(audited, costs),
    )


def _saving(present: Policy, other: Policy, audited: Audited, costs: Cost, *, z: float) -> Estimate:
    saved = costs_of(under(present, audited), costs) - costs_of(under(other, audited), costs)
    return mean_cost(saved, audited, z=z, unseen=0.0 if other == present else one_error(costs, audited))


def candidate_policies(audited: Audited, settings: Settings, costs: Cost) -> list[Policy]:
    """Return the compared policies: a grid of bands, certified targets, the cost policy."""
    below = Lane(settings.policy.below)
    bands: list[Policy] = [Band(low, high, below) for low in LOWS for high in HIGHS]
    if band_policy(settings) not in bands:
        bands.append(band_policy(settings))
    targets = [
        fit_target(accuracy, settings.policy.delta, audited, seed=settings.selection.seed).policy
        for accuracy in sorted({*TARGETS, settings.policy.target})
    ]
    certified = [policy for policy in targets if isinstance(policy, Target) and policy.threshold is not None]
    return [*bands, *certified, costs]


def _recommended(
    present: Outcome, candidates: Sequence[Candidate], settings: Settings
) -> tuple[Outcome, tuple[str, ...]]:
    """Return the recommended policy, which is the present one where no other is shown to be cheaper."""
    n, unit = present.cost.n, f"{settings.cost.currency} per 1,000 samples"
    if n < FEWEST:
        return present, (f"{n} audits are too few to compare policies; at least {FEWEST} are needed",)
    allowed = [candidate for candidate in candidates if _is_within(candidate.outcome, settings)]
    best = max(allowed, key=lambda candidate: candidate.saving.low, default=None)
    if best is None or best.saving.low <= 0:
        return present, (_nothing_shown(present, allowed, unit),)
    return best.outcome, (
        f"{best.outcome.policy.version} saves at least {best.saving.low:.0f} {unit} against "
        f"{present.policy.version} (estimate {best.saving.value:.0f}); the bound holds for all "
        f"{len(candidates)} policies at once, so the choice of the best one does not inflate it",
        f"it sends {best.outcome.to_people.value:.1%} to annotators instead of "
        f"{present.to_people.value:.1%}, and accepts {1000 * best.outcome.wrong_accepted.value:.1f} wrong "
        f"labels in 1,000 samples instead of {1000 * present.wrong_accepted.value:.1f}",
    )


def _nothing_shown(present: Outcome, allowed: Sequence[Candidate], unit: str) -> str:
    """Return that no policy is shown to be cheaper, and how many audits would show it for the best one."""
    words = f"no policy is shown to be cheaper than {present.policy.version}"
    best = max(allowed, key=lambda candidate: candidate.saving.value, default=None)
    if best is None or best.saving.value <= 0:
        return words
    saving = best.saving
    n_enough = ceil(saving.n * ((saving.value - saving.low) / saving.value) ** 2)
    return (
        f"{words}; {best.outcome.policy.version} may save {saving.value:.0f} {unit}, which about "
        f"{n_enough:,} audits in all would show"
    )


def _is_within(result: Outcome, settings: Settings) -> bool:
    """Return whether a band is shown to keep `policy.max_error`; other policies need not."""
    if not isinstance(result.policy, Band) or result.let_through is None:
        return True
    return result.let_through.high <= settings.policy.max_error


def threshold_points(audited: Audited, costs: Cost) -> tuple[Point, ...]:
    """Return the results of up to POINTS thresholds at quantiles of confidence, ascending."""
    sure = audited.confidence
    points = []
    for threshold in np.unique(np.quantile(sure, np.linspace(0, 1, POINTS), method="lower")).tolist():
        is_accepted = sure >= threshold
        kept = audited.where(is_accepted)
        routed = replace(audited, lanes=np.where(is_accepted, str(Lane.AUTO), str(Lane.REVIEW)))
        points.append(
            Point(
                threshold,
                audited.share(is_accepted),
                kept.share(~kept.is_right),
                mean_cost(costs_of(routed, costs), audited),
            )
        )
    return tuple(points)
