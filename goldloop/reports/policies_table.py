"""Tables: what a tuning and a replay come to, in rows for people and in JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldloop.routing.outcomes import Outcome
from goldloop.routing.replay import ReplayedRound
from goldloop.routing.tuning import Tuning
from goldloop.stats.metrics import Estimate


def tuning_title(found: Tuning) -> str:
    """Return one line: how many audits, the currency, from which confidence on accepting pays."""
    n = found.present.cost.n
    even = "never" if found.break_even is None else f"above confidence {found.break_even}"
    cost = f"cost in {found.currency} per 1,000 samples, what is held as a full review"
    return f"{n} audits; {cost}; accepting pays {even}"


def tuning_rows(found: Tuning) -> list[dict[str, Any]]:
    """Return the policy in force and every candidate; the bounds of what they save hold for all at once."""
    rows = [{"": "in force", **_outcome_row(found.present), "saves": ""}]
    for one in found.candidates:
        mark = "recommended" if one.outcome is found.recommended else ""
        saves = f"{one.saving.value:.0f} [{one.saving.low:.0f}, {one.saving.high:.0f}]"
        rows.append({"": mark, **_outcome_row(one.outcome), "saves": saves})
    return rows


def _outcome_row(one: Outcome) -> dict[str, Any]:
    lanes = ", ".join(f"{lane} {share:.0%}" for lane, share in one.by_lane.items() if share)
    cost = one.cost
    return {
        "policy": one.policy.version,
        "lanes": lanes,
        "to people": _percent(one.to_people),
        "wrong among accepted": _percent(one.let_through),
        "cost": f"{cost.value:.0f} [{cost.low:.0f}, {cost.high:.0f}]",
    }


def _percent(found: Estimate | None) -> str:
    return "-" if found is None else f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"


def replay_rows(found: Sequence[ReplayedRound]) -> list[dict[str, Any]]:
    """Return a row for each round: what was, and what would have been."""
    return [
        {
            "round": one.round,
            "samples": one.n,
            "other lane": one.n_moved,
            "moves": ", ".join(f"{move} {n}" for move, n in one.moves.items()),
            "to people": f"{one.before.to_people:.1%}",
            "then": f"{one.after.to_people:.1%}",
            "audits": one.n_audited,
            "wrong among accepted": _percent(one.before.let_through),
            "then wrong": _percent(one.after.let_through),
        }
        for one in found
    ]


def tuning_json(found: Tuning) -> dict[str, Any]:
    """Return the tuning with policies by version, their matrices left out."""
    return {
        "currency": found.currency,
        "present": _plain_outcome(found.present),
        "candidates": [{**_plain_outcome(one.outcome), "saving": one.saving} for one in found.candidates],
        "recommended": _plain_outcome(found.recommended),
        "reasons": found.reasons,
        "break_even": found.break_even,
        "points": found.points,
    }


def _plain_outcome(one: Outcome) -> dict[str, Any]:
    names = ("to_people", "by_lane", "wrong_accepted", "let_through", "cost")
    return {"policy": one.policy.version} | {name: getattr(one, name) for name in names}
