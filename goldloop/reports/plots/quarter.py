"""The plot of a quarter: the cost of each week, as decided and by the rule p >= .5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from goldloop.costs.quarter import Week
from goldloop.reports.plots import style
from goldloop.reports.plots.style import BLUE, VERMILION, draw_intervals, picture

LONGEST = 1.6
"""How far intervals of the rule may reach above all else; a longer one would flatten the rest."""


@picture
def week_plot(weeks: Sequence[Week], names: Sequence[str], currency: str) -> Figure:
    """Return the cost per 1,000 samples of each week with 95 % intervals; `names` are those of the weeks."""
    figure, axes = style.new_figure(12.5, 3.6)
    places = np.array([week.number for week in weeks], dtype=np.float64)
    ways: tuple[tuple[str, float, list[Any], dict[str, Any]], ...] = (
        ("as decided", -0.08, [week.cost.estimate for week in weeks], {"color": BLUE, "linewidth": 2.0}),
        (
            "rule p ≥ .5",
            0.08,
            [week.rule_cost.estimate for week in weeks],
            {"color": VERMILION, "marker": "s", "linestyle": ":", "linewidth": 1.4},
        ),
    )
    for name, shift, estimates, look in ways:
        drawn: dict[str, Any] = {"linestyle": "-", "capsize": 3, "label": name} | look
        draw_intervals(axes, places + shift, estimates, **drawn)
    axes.set_xticks(places, list(names))
    axes.set_ylim(0, _top(weeks))
    axes.grid(axis="y")
    axes.set(ylabel=f"{currency} per 1,000", title="Cost of errors and reviews by week, 95 % intervals")
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _top(weeks: Sequence[Week]) -> float | None:
    """Return the upper end of the y axis: very long intervals of the rule leave the plot."""
    known = [week.cost.estimate.high for week in weeks if week.cost.estimate]
    known += [week.rule_cost.estimate.value for week in weeks if week.rule_cost.estimate]
    highs = [week.rule_cost.estimate.high for week in weeks if week.rule_cost.estimate]
    most = max(known, default=0.0)
    return 1.1 * min(max(most, *highs, 0.0), LONGEST * most) if most > 0 else None
