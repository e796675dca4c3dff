"""Settling: the policy that comes into force for a model, and when what it accepts returns to annotators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.audit.audited import Audited
from goldloop.audit.guard import FALSE_SUSPENSION, guard
from goldloop.core.lanes import Lane
from goldloop.routing.fit import KnownPeople, error_costs, fit_policy
from goldloop.routing.policies import Band, Policy, PolicyEntry, Suspended, Target, labels_of
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
    model was the first to score; `open_round` is the number of the round that is not closed yet.
    """

    holdout: Audited
    traffic: Audited
    open_round: int
    in_force: Policy | None


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

    The policy of the settings is fitted to the holdout. It is suspended where audits show that more of what
    it accepts is wrong than `policy.max_error` allows, on the holdout or in the model's own traffic of the
    last rounds. Annotators then get what it would accept until further audits show that it is right often
    enough. A target policy is never suspended: it is certified anew each time.
    """
    fitted = fit_policy(settings, evidence.holdout, people)
    policy, reasons, warnings = fitted.policy, fitted.reasons, fitted.warnings
    if not isinstance(policy, Target | Suspended):
        is_suspended, doubts = _guarded(policy, evidence, max_error=settings.policy.max_error)
        warnings = (*warnings, *doubts)
        if is_suspended:
            policy = Suspended(policy)
            reasons = (*reasons, "suspended: annotators get what it would accept until audits clear it")
    return PolicyEntry(policy, model_version, gold_version, reasons, warnings, at)


def _guarded(policy: Policy, evidence: PolicyEvidence, *, max_error: float) -> tuple[bool, list[str]]:
    """Return whether `policy` must be suspended, and a warning for each doubt."""
    was_suspended = isinstance(evidence.in_force, Suspended)
    recent = evidence.traffic.where(evidence.traffic.rounds > evidence.open_round - GUARDED_ROUNDS)
    samples = {
        "on holdout": (evidence.holdout, FALSE_SUSPENSION),
        f"in the last {GUARDED_ROUNDS} rounds": (recent, WINDOW_FALSE_SUSPENSION),
    }
    verdicts = {}
    for where, (audited, level) in samples.items():
        accepted = audited.where(policy.lanes(audited.probs) == str(Lane.AUTO))
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
    if isinstance(policy, Suspended):
        return is_asked_for(policy.policy, settings)
    wanted = settings.policy
    if isinstance(policy, Band):
        return wanted.kind == "band" and policy == Band(*wanted.band, Lane(wanted.below))
    if isinstance(policy, Target):
        return wanted.kind == "target" and (policy.accuracy, policy.delta) == (wanted.target, wanted.delta)
    if labels_of(policy) not in ((), settings.labels):
        return False
    return wanted.kind == "cost" and policy.errors == error_costs(settings.cost, settings.label_set)
