"""What a tuning and a replay come to: rows for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldloop.core.lanes import Lane
from goldloop.reports.formatting import (
    amount_cell,
    percent,
    percent_cell,
)
from goldloop.reports.section import Row
from goldloop.routing.outcomes import Outcome
from goldloop.routing.replay import ReplayedRound
from goldloop.routing.tuning import Tuning


def tuning_title(tuning: Tuning) -> str:
    """Return one line: how many audits, and what the costs are."""
    cost = f"cost in {tuning.currency} per 1,000 samples, a held sample priced as a full review"
    return f"{tuning.present.cost.n} audits; {cost}"


def tuning_rows(tuning: Tuning) -> list[Row]:
    """Return the policy in force and every candidate; the bounds of what they save hold for all at once."""
    rows: list[Row] = [{"": "in force", **_outcome_row(tuning.present), "saves": ""}]
    for candidate in tuning.candidates:
        mark = "recommended" if candidate.outcome is tuning.recommended else ""
        rows.append({"": mark, **_outcome_row(candidate.outcome), "saves": amount_cell(candidate.saving)})
    return rows


def _outcome_row(outcome: Outcome) -> Row:
    shares = {lane: outcome.by_lane.get(lane, 0.0) for lane in Lane}
    return {
        "policy": outcome.policy.version,
        "lanes": ", ".join(f"{lane} {percent(share, 0)}" for lane, share in shares.items() if share),
        "to annotators": percent_cell(outcome.to_people),
        "wrong among accepted": percent_cell(outcome.let_through),
        "cost": amount_cell(outcome.cost),
    }


def replay_rows(rounds: Sequence[ReplayedRound]) -> list[Row]:
    """Return a row for each round: what was, and what would have been."""
    return [
        {
            "round": past.round,
            "samples": past.n,
            "other lane": sum(past.moves.values()),
            "moves": ", ".join(f"{move} {n}" for move, n in past.moves.items()),
            "to annotators": percent(past.before.to_people),
            "then": percent(past.after.to_people),
            "audits": past.n_audited,
            "wrong among accepted": percent_cell(past.before.let_through),
            "then wrong": percent_cell(past.after.let_through),
        }
        for past in rounds
    ]


def tuning_json(tuning: Tuning) -> dict[str, Any]:
    """Return the tuning with policies by version, their matrices left out."""
    return {
        "currency": tuning.currency,
        "present": _outcome_json(tuning.present),
        "candidates": [
            _outcome_json(candidate.outcome) | {"saving": candidate.saving} for candidate in tuning.candidates
        ],
        "recommended": _outcome_json(tuning.recommended),
        "reasons": tuning.reasons,
        "points": tuning.points,
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    names = ("to_people", "by_lane", "wrong_accepted", "let_through", "cost")
    return {"policy": outcome.policy.version} | {name: getattr(outcome, name) for name in names}
