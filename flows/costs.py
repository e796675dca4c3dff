"""What rounds cost and brought, read from a workspace."""

from __future__ import annotations

from goldloop.core.clock import now
from goldloop.costs.inputs import Books, read_books
from goldloop.costs.quarters import Quarter
from goldloop.costs.report import CostReport, cost_report, quarter_report
from goldloop.wiring import Wiring


def report_costs(parts: Wiring) -> CostReport:
    """Return what every round cost and brought."""
    return cost_report(_books(parts), parts.settings)


def report_quarter(parts: Wiring, name: str | None) -> CostReport:
    """Return what the rounds of the quarter called `name` cost and brought; None: the present one."""
    moment = now()
    quarter = Quarter.of(moment) if name is None else Quarter.named(name)
    return quarter_report(_books(parts), parts.settings, quarter, now=moment)


def _books(parts: Wiring) -> Books:
    labels = parts.settings.label_set
    return read_books(
        parts.tables,
        parts.read_state().outcomes,
        parts.read_state().snapshot.requests.requests,
        parts.gold.records(),
        labels,
    )
