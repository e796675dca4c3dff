"""Appeals as rows, and how often moderators overturn a label."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.loop.appeals import AppealOutcome, AppealState
from goldloop.reports.formatting import percent_cell
from goldloop.reports.section import Row, Section, Table
from goldloop.stats.measures import Measure, share

DECIDED = (AppealState.UPHELD, AppealState.OVERTURNED)


def appeal_rows(outcomes: Sequence[AppealOutcome]) -> list[Row]:
    """Return a row for each appeal."""
    return [
        {
            "at": f"{one.appeal.at:%Y-%m-%d %H:%M}",
            "sample": one.appeal.sample_id[:12],
            "before": one.appeal.label_before,
            "by": "moderators" if one.appeal.is_gold else "machine",
            "state": str(one.state),
            "answers": one.n_answers,
            "decision": one.label or "",
            "rule": one.rule or "",
            "reason": "; ".join(filter(None, (one.reason, one.note))),
        }
        for one in outcomes
    ]


def appeals_section(outcomes: Sequence[AppealOutcome]) -> Section:
    """Return how many appeals overturned a label, by the label before; empty without an appeal."""
    if not outcomes:
        return Section("")
    decided = [one for one in outcomes if one.state in DECIDED]
    groups = {"all": decided}
    for label in sorted({one.appeal.label_before for one in outcomes}):
        groups[label] = [one for one in decided if one.appeal.label_before == label]
    rows: list[Row] = [
        {"label before": label, "decided": len(some), "overturned": percent_cell(_overturned(some))}
        for label, some in groups.items()
    ]
    open_ = len(outcomes) - len(decided)
    return Section("Appeals", tables=[Table(rows)], notes=[f"{open_:,} appeals wait for a decision."])


def _overturned(decided: Sequence[AppealOutcome]) -> Measure:
    return share(sum(one.state is AppealState.OVERTURNED for one in decided), len(decided))
