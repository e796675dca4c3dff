"""What rounds cost and brought, read from a workspace."""

from __future__ import annotations

from goldloop.core.clock import now
from goldloop.costs.inputs import CostInputs, cost_inputs
from goldloop.costs.quarters import Quarter
from goldloop.costs.report import CostReport, cost_report, quarter_report
from goldloop.tables.predictions import suggested_labels
from goldloop.tables.rounds import closing_times
from goldloop.tables.traffic import read_traffic
from goldloop.wiring import Wiring


def report_costs(parts: Wiring) -> CostReport:
    """Return what every round cost and brought."""
    return cost_report(_inputs(parts), parts.settings)


def report_quarter(parts: Wiring, name: str | None) -> CostReport:
    """Return what the rounds of the quarter called `name` cost and brought; None: the present one."""
    moment = now()
    quarter = Quarter.of(moment) if name is None else Quarter.named(name)
    return quarter_report(_inputs(parts), parts.settings, quarter, now=moment)


def _inputs(parts: Wiring) -> CostInputs:
    labels, gold = parts.settings.label_set, parts.gold.records()
    return cost_inputs(
        outcomes=parts.read_state().outcomes,
        answer_requests=parts.read_state().snapshot.requests.requests,
        gold=gold,
        traffic=read_traffic(parts.tables, labels),
        suggested=suggested_labels(parts.tables, gold),
        closed=closing_times(parts.tables.rounds),
        labels=labels,
    )
