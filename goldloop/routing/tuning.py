"""Tuning: what any policy would have meant for the audited samples, and which one they speak for.

Many policies compared on one set of audits make one of them look good by luck. So a policy is recommended
only if its saving over the policy in force, sample by sample, is positive at a bound that holds for all
candidates at once [dunn1961]; and only if its errors stay within what the settings allow. Half of the risk of
being wrong is kept for the cost policy, the one candidate that follows from the settings alone; a grid of the
others shares the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from goldloop.audit.audited import Audited
from goldloop.core.errors import EmptyPoolError
from goldloop.core.lanes import Lane
from goldloop.routing.fit import KnownPeople, cost_policy, fit_target
from goldloop.routing.outcomes import Outcome, costs_of, mean_cost, one_error, outcome
from goldloop.routing.policies import Band, Cost, Policy, Target
from goldloop.settings import Settings
from goldloop.stats.metrics import Estimate, share_estimate

LOWS, HIGHS = (0.0, 0.40), (0.60, 0.70, 0.80, 0.85, 0.90, 0.95, 0.98)  # of the bands compared
TARGETS = (0.90, 0.95, 0.98, 0.99)
FEWEST = 30
"""Audits below which nothing is recommended: not even a share of one half is known within 18 points."""
RESAMPLES = 400
POINTS = 60


@dataclass(frozen=True, slots=True)
class Point:
    """What accepting from `threshold` on would have meant; below it one person takes a quick review.

    `accepted` is the share of all samples, `let_through` that of errors among the accepted, `cost` in
    currency per 1,000 samples.
    """

    threshold: float
    accepted: Estimate
    let_through: Estimate
    cost: Estimate


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy that was looked at; `saving` is in currency per 1,000 samples against the one in force.

    The interval of `saving` holds for all candidates together.
    """

    outcome: Outcome
    saving: Estimate


@dataclass(frozen=True, slots=True)
class Tuning:
    """What audits say of policies: the one in force, the candidates, and the one they speak for, and why.

    `break_even` is the confidence from which on accepting is cheaper than a quick review; None if that is never
    so. `points` are thresholds in ascending order, for plots.
    """

    currency: str
    costs: Cost
    present: Outcome
    candidates: tuple[Candidate, ...]
    recommended: Outcome
    reasons: tuple[str, ...]
    break_even: Estimate | None
    points: tuple[Point, ...]


def tune(
    audited: Audited, settings: Settings, *, present: Policy, people: KnownPeople | None = None
) -> Tuning:
    """Return what `audited`, the holdout as today's champion judged it, says of policies.

    Raises:
        EmptyPoolError: no audits.
    """
    if not len(audited):
        raise EmptyPoolError(
            "there are no audits that today's champion was judged on; let people answer, then run "
            "'goldloop round'"
        )
    costs, why = cost_policy(settings, people or KnownPeople())
    policies = candidate_policies(audited, settings, costs)
    z_cost, z_grid = norm.ppf(1 - 0.05 / 4), norm.ppf(1 - 0.05 / (4 * (len(policies) - 1)))
    candidates = tuple(
        Candidate(
            outcome(one, audited, costs),
            _saving(present, one, audited, costs, z=float(z_cost if one is costs else z_grid)),
        )
        for one in policies
    )
    today = outcome(present, audited, costs)
    best, reasons = _recommended(today, candidates, settings)
    return Tuning(
        currency=settings.cost.currency,
        costs=costs,
        present=today,
        candidates=candidates,
        recommended=best,
        reasons=(*reasons, *why),
        break_even=break_even(audited, costs, seed=settings.selection.seed),
        points=threshold_points(audited, costs),
    )


def _saving(present: Policy, other: Policy, audited: Audited, costs: Cost, *, z: float) -> Estimate:
    lanes, others = present.lanes(audited.probs), other.lanes(audited.probs)
    saved = costs_of(lanes, audited, costs) - costs_of(others, audited, costs)
    return mean_cost(saved, audited, z=z, unseen=0.0 if other == present else one_error(costs))


def candidate_policies(audited: Audited, settings: Settings, costs: Cost) -> list[Policy]:
    """Return the policies that are compared: a grid of bands, certified targets, the cost policy."""
    below = Lane(settings.policy.below)
    bands: list[Policy] = [Band(low, high, below) for low in LOWS for high in HIGHS]
    if Band(*settings.policy.band, below) not in bands:
        bands.append(Band(*settings.policy.band, below))
    targets = [
        fit_target(one, settings.policy.delta, audited, seed=settings.selection.seed).policy
        for one in sorted({*TARGETS, settings.policy.target})
    ]
    certified = [one for one in targets if isinstance(one, Target) and one.threshold is not None]
    return [*bands, *certified, costs]


def _recommended(
    present: Outcome, candidates: Sequence[Candidate], settings: Settings
) -> tuple[Outcome, tuple[str, ...]]:
    """Return the policy that audits speak for; the present one where they speak for none."""
    n, unit = present.cost.n, f"{settings.cost.currency} per 1,000 samples"
    if n < FEWEST:
        return present, (f"{n} audits are too few to compare policies by; {FEWEST} are the least",)
    allowed = [one for one in candidates if _is_within(one.outcome, settings)]
    best = max(allowed, key=lambda one: one.saving.low, default=None)
    if best is None or best.saving.low <= 0:
        return present, (_nothing_shown(present, allowed, unit),)
    return best.outcome, (
        f"{best.outcome.policy.version} saves {best.saving.low:.0f} {unit} or more against "
        f"{present.policy.version} (estimate {best.saving.value:.0f}); the bound holds for all "
        f"{len(candidates)} policies at once, so that the best is not merely the luckiest",
        f"it sends {best.outcome.to_people.value:.1%} to people instead of {present.to_people.value:.1%}, "
        f"and accepts {1000 * best.outcome.wrong_accepted.value:.1f} wrong labels in 1,000 samples instead "
        f"of {1000 * present.wrong_accepted.value:.1f}",
    )


def _nothing_shown(present: Outcome, allowed: Sequence[Candidate], unit: str) -> str:
    """Return that audits speak for no other policy, and how many of them would settle the likeliest."""
    words = f"no policy is shown to be cheaper than {present.policy.version}"
    likeliest = max(allowed, key=lambda one: one.saving.value, default=None)
    if likeliest is None or likeliest.saving.value <= 0:
        return words
    saving = likeliest.saving
    n_enough = ceil(saving.n * ((saving.value - saving.low) / saving.value) ** 2)
    return (
        f"{words}; {likeliest.outcome.policy.version} may save {saving.value:.0f} {unit}, which about "
        f"{n_enough:,} audits in all would show"
    )


def _is_within(found: Outcome, settings: Settings) -> bool:
    """Return whether audits bear out the limit on errors; a target has its own, a cost policy prices them."""
    if not isinstance(found.policy, Band) or found.let_through is None:
        return True
    return found.let_through.high <= settings.policy.max_error


def threshold_points(audited: Audited, costs: Cost) -> tuple[Point, ...]:
    """Return up to POINTS thresholds at quantiles of confidence, ascending, with what each had meant."""
    sure = audited.confidence
    found = []
    for threshold in np.unique(np.quantile(sure, np.linspace(0, 1, POINTS), method="lower")).tolist():
        is_accepted = sure >= threshold
        kept = audited.where(is_accepted)
        lanes = np.where(is_accepted, str(Lane.AUTO), str(Lane.REVIEW))
        found.append(
            Point(
                threshold,
                share_estimate(is_accepted, weights=audited.weights),
                share_estimate(~kept.is_right, weights=kept.weights),
                mean_cost(costs_of(lanes, audited, costs), audited),
            )
        )
    return tuple(found)


def break_even(audited: Audited, costs: Cost, *, seed: int) -> Estimate | None:
    """Return the confidence from which on accepting costs least beside a quick review below it.

    Its interval are percentiles over resamples of the audits [efrontibshirani1993]; None where a quick review
    of everything is cheapest.
    """
    order = np.argsort(-audited.confidence, kind="stable")
    is_last = np.append(np.diff(audited.confidence[order]) < 0, True)
    accepting, looking = (
        costs_of(np.full(len(audited), str(lane)), audited, costs)[order] for lane in (Lane.AUTO, Lane.REVIEW)
    )
    gains = (looking - accepting) * audited.weights[order]
    at = _cheapest(gains, is_last)
    if at is None:
        return None
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(gains), np.full(len(gains), 1 / len(gains)), size=RESAMPLES)
    sure = audited.confidence[order]
    found = [_cheapest(gains * one, is_last) for one in times]
    thresholds = [1.0 if one is None else float(sure[one]) for one in found]
    low, high = np.quantile(thresholds, [0.025, 0.975]).tolist()
    value = float(sure[at])
    return Estimate(value, min(low, value), max(high, value), len(audited))


def _cheapest(gains: npt.NDArray[np.float64], is_last: npt.NDArray[np.bool_]) -> int | None:
    """Return the place down to which accepting gains most, among ends of equal confidence; None for none."""
    total = np.where(is_last, np.cumsum(gains), -np.inf)
    best = int(total.argmax())
    return best if total[best] > 0 else None
