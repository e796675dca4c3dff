"""The report's part about costs: what rounds cost and brought, and what that saved."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.costs.report import CostReport
from goldloop.reports.plots import saved_plot, spent_plot
from goldloop.reports.plots.style import Plot

MOST_ROUNDS = 60
"""Newest rounds that a plot shows: a year of weeks, and a little."""


@dataclass(frozen=True, slots=True)
class CostSection:
    """What the page says of costs, with its plots."""

    report: CostReport
    plots: tuple[Plot, ...]


def cost_section(report: CostReport) -> CostSection:
    """Return `report` with the plots that have something to show."""
    shown = [one for one in report.by_round if one.n_answers or one.n_scored][-MOST_ROUNDS:]
    plots = []
    if any(one.spent.estimate or one.error_cost.estimate for one in shown):
        caption = (
            "People's time at the price of [cost] minute; wrong labels let through, from audits, and in gold"
        )
        plots.append(Plot(caption, spent_plot(shown)))
    if any(one.saved_against_labelling.estimate or one.saved_against_accepting.estimate for one in shown):
        caption = "Counted on the samples that have a label; below 0 the other way would have been cheaper"
        plots.append(Plot(caption, saved_plot(shown)))
    return CostSection(report, tuple(plots))
