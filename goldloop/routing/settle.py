"""Settling: the policy that comes into force for a model, and when what it accepts returns to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from goldloop.audit.audited import Audited, audited_traffic
from goldloop.audit.guard import FALSE_SUSPENSION, guard
from goldloop.core.lanes import Lane
from goldloop.core.ports import Tables
from goldloop.gold.records import GoldRecord
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.fit import KnownPeople, error_costs, fit_policy
from goldloop.routing.policies import Band, Policy, Suspended, Target
from goldloop.settings import Settings
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import current_round
from goldloop.tables.traffic import judged_by, read_traffic

GUARDED_ROUNDS = 4
"""Rounds of traffic, the open one included, whose accepted samples the guard looks at.

Fewer hold too few audits, more let a month of good traffic hide a week of bad.
"""


WINDOW_FALSE_SUSPENSION = FALSE_SUSPENSION / 3
"""For a window that forgets, and so begins anew each week; the holdout only grows.

At the border, with 5 or 20 audits a week, the window suspends in 1 and 3 % of years at this level, 8 and 7 %
at the whole of it (1,500 simulated years each); at twice the allowed share 92 % within the year.
"""


def settle_policy(
    *,
    tables: Tables,
    gold: Sequence[GoldRecord],
    gold_version: int | None,
    model_version: str,
    settings: Settings,
    people: KnownPeople | None,
    at: datetime,
) -> PolicyEntry:
    """Return the policy that is in force for `model_version` from now on, and put it in the log if it is new.

    The settings' policy is fitted to the holdout as the model judged it. Where audits show by evidence that
    more of what it accepts is wrong than `policy.max_error` allows, be it on the holdout or in the model's
    own traffic of the last rounds, the policy is suspended: people get what it would accept, until the
    audits, which go on, say otherwise.
    """
    labels = settings.label_set
    judged = judged_by(tables, gold, labels, model_version)
    fitted = fit_policy(settings, judged, people)
    log = PolicyLog(tables.policies)
    policy, reasons, warnings = fitted.policy, list(fitted.reasons), list(fitted.warnings)
    if not isinstance(policy, Target | Suspended):  # a target is certified anew each time
        present = log.in_force(model_version)
        is_suspended = present is not None and isinstance(present.policy, Suspended)
        recent = f"in the last {GUARDED_ROUNDS} rounds"
        seen = {
            "on holdout": (judged, FALSE_SUSPENSION),
            recent: (_recent(tables, gold, settings, model_version), WINDOW_FALSE_SUSPENSION),
        }
        accepted = {where: (_accepted(one, policy), level) for where, (one, level) in seen.items()}
        allowed = settings.policy.max_error
        found = {
            where: guard(one, max_error=allowed, is_suspended=is_suspended, false_suspension=level)
            for where, (one, level) in accepted.items()
            if len(one)
        }
        for where, one in found.items():
            if one.is_broken or one.is_unproven:
                warnings.append(f"{where}: {one.seen}; {one.follows}")
        if any(one.is_broken for one in found.values()) or (is_suspended and not found):
            policy = Suspended(policy)
            reasons.append("what it would accept returns to people until audits bear it out")
    entry = PolicyEntry(policy, model_version, gold_version, tuple(reasons), tuple(warnings), at)
    log.settle(entry)
    return entry


def is_asked_for(policy: Policy, settings: Settings) -> bool:
    """Return whether `policy` is what the settings ask for, whatever was fitted in it."""
    if isinstance(policy, Suspended):
        return is_asked_for(policy.policy, settings)
    wanted = settings.policy
    if isinstance(policy, Band):
        return wanted.kind == "band" and policy == Band(*wanted.band, Lane(wanted.below))
    if isinstance(policy, Target):
        return wanted.kind == "target" and (policy.accuracy, policy.delta) == (wanted.target, wanted.delta)
    return wanted.kind == "cost" and policy.errors == error_costs(settings.cost, settings.label_set)


def _recent(tables: Tables, gold: Sequence[GoldRecord], settings: Settings, model_version: str) -> Audited:
    traffic = read_traffic(tables, settings.label_set, model_version)
    audited = audited_traffic(traffic, gold, settings.label_set)
    return audited.where(audited.rounds > current_round(tables) - GUARDED_ROUNDS)


def _accepted(audited: Audited, policy: Policy) -> Audited:
    lanes = policy.lanes(audited.probs) if len(audited) else np.zeros(0, dtype=str)
    return audited.where(lanes == str(Lane.AUTO))
