"""Settling: the policy that comes into force for a model, what audits let it accept, and when that ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.audit.audited import Audited
from goldloop.audit.guard import FALSE_SUSPENSION, guard
from goldloop.core.lanes import Lane
from goldloop.routing.certificate import certify, evenly_drawn
from goldloop.routing.cost_policy import Cost
from goldloop.routing.fit import KnownPeople, band_policy, error_costs, fit_policy, risk_policy
from goldloop.routing.outcomes import under
from goldloop.routing.policies import (
    Band,
    Policy,
    PolicyEntry,
    Risk,
    Supported,
    Suspended,
    Target,
    asked_for,
    labels_of,
)
from goldloop.settings import Settings

GUARDED_ROUNDS = 4
"""Rounds of traffic, the open one included, whose accepted samples the guard checks.

Fewer rounds hold too few audits; more rounds let a month of good traffic hide a bad week.
"""

WINDOW_FALSE_SUSPENSION = FALSE_SUSPENSION / 3
"""Level for the window of recent rounds, which starts anew each week, while the holdout only grows.

At the border, with 5 or 20 audits a week, the window suspends in 1 and 3 % of years at this level, 8 and 7 %
at the full level (1,500 simulated years each); at twice the allowed share it suspends in 92 % of years.
"""


@dataclass(frozen=True, slots=True)
class PolicyEvidence:
    """What audits show about one model, and the policy that is in force for it, None before its first.

    `holdout` is the holdout as the model last evaluated it. `traffic` holds the audited samples that this
    model was the first to score; no part of it was fitted on them. `open_round` is the number of the round
    that is not closed yet.
    """

    holdout: Audited
    traffic: Audited
    open_round: int
    in_force: Policy | None

    @property
    def audits(self) -> Audited:
        """All of them, each sample once."""
        return self.holdout.with_others(self.traffic)


def settle_policy(
    evidence: PolicyEvidence,
    settings: Settings,
    *,
    model_version: str,
    gold_version: int | None,
    people: KnownPeople | None,
    at: datetime,
) -> PolicyEntry:
    """Return the entry of the policy that is in force for `model_version` from now on.

    The policy of the settings is fitted to the holdout. What it accepts is accepted only where audits support
    it (`_supported`), and annotators get the rest. It is suspended where audits show that more is wrong than
    `policy.max_error` allows, on the holdout or in the model's own traffic of the last rounds, until further
    audits show that it is right often enough. A target policy is certified anew each time.
    """
    fitted = fit_policy(settings, evidence.holdout, people)
    policy: Policy = fitted.policy
    reasons, warnings = list(fitted.reasons), list(fitted.warnings)
    if isinstance(policy, Band | Cost | Risk):
        policy, support = _supported(policy, evidence, settings)
        is_suspended, doubts = _guarded(policy, evidence, max_error=settings.policy.max_error)
        reasons.append(support)
        warnings += doubts
        if is_suspended:
            policy = Suspended(policy.policy)
            reasons.append("suspended: annotators get what it would accept until audits clear it")
    return PolicyEntry(policy, model_version, gold_version, tuple(reasons), tuple(warnings), at)


def _supported(
    policy: Band | Cost | Risk, evidence: PolicyEvidence, settings: Settings
) -> tuple[Supported, str]:
    """Return from which confidence on audits support that `policy` accepts, and the reason.

    They certify, with the certainty of `policy.delta`, that at most `policy.max_error` is wrong from there
    on. A threshold once certified for the model stays until the guard has evidence against it, so that one
    unlucky audit does not close what it opened last week.
    """
    accepted = _accepted(policy, evidence.audits)
    even = evenly_drawn(accepted, seed=settings.selection.seed) if len(accepted) else accepted
    allowed, delta = settings.policy.max_error, settings.policy.delta
    found = certify(even.decided_confidence, even.is_decided_right, accuracy=1 - allowed, delta=delta)
    before = evidence.in_force
    known = before.threshold if isinstance(before, Supported) and before.policy == policy else None
    if found.threshold is None and known is None:
        return Supported(policy, None), f"nothing is accepted by the model yet: {found.reason}"
    least = min(one for one in (found.threshold, known) if one is not None)
    why = found.reason if least == found.threshold else f"as certified before; now {found.reason}"
    return Supported(policy, least), f"accepted from confidence {least:.4f} on: {why}"


def _accepted(policy: Policy, audited: Audited) -> Audited:
    """Return the samples that `policy` accepts, with the labels that it takes them for."""
    routed = under(policy, audited)
    return routed.where(routed.lanes == str(Lane.AUTO))


def _guarded(policy: Supported, evidence: PolicyEvidence, *, max_error: float) -> tuple[bool, list[str]]:
    """Return whether `policy` must be suspended, and a warning for each doubt."""
    was_suspended = isinstance(evidence.in_force, Suspended)
    recent = evidence.traffic.where(evidence.traffic.rounds > evidence.open_round - GUARDED_ROUNDS)
    samples = {
        "on holdout": (evidence.holdout, FALSE_SUSPENSION),
        f"in the last {GUARDED_ROUNDS} rounds": (recent, WINDOW_FALSE_SUSPENSION),
    }
    verdicts = {}
    for where, (audited, level) in samples.items():
        accepted = _accepted(policy, audited)
        if len(accepted):
            verdicts[where] = guard(
                accepted, max_error=max_error, is_suspended=was_suspended, false_suspension=level
            )
    doubts = [
        f"{where}: {verdict.seen}; {verdict.follows}"
        for where, verdict in verdicts.items()
        if verdict.is_broken or verdict.is_unproven
    ]
    is_broken = any(verdict.is_broken for verdict in verdicts.values())
    return is_broken or (was_suspended and not verdicts), doubts


def is_asked_for(policy: Policy, settings: Settings) -> bool:
    """Return whether `policy` is the kind, with the numbers, that the settings ask for."""
    inner, wanted = asked_for(policy), settings.policy
    if isinstance(inner, Band):
        return wanted.kind == "band" and inner == band_policy(settings)
    if isinstance(inner, Target):
        return wanted.kind == "target" and (inner.accuracy, inner.delta) == (wanted.target, wanted.delta)
    if isinstance(inner, Risk):
        return wanted.kind == "risk" and inner == risk_policy(settings)
    if labels_of(inner) not in ((), settings.labels):
        return False
    return wanted.kind == "cost" and inner.costs == error_costs(settings.cost, settings.label_set)
