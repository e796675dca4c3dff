"""The plot of past forecasts: what a round forecast of the next model, and what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.reports.plots import style
from goldloop.reports.plots.style import BLUE, VERMILION, draw_intervals, picture
from goldloop.training.outlook import Forecast


@picture
def forecast_plot(past: Sequence[Forecast]) -> Figure:
    """Return the forecasts with their 95 % intervals over the rounds, beside what was measured."""
    figure, axes = style.new_figure(7.6, 3.9)
    places = np.arange(len(past))
    draw_intervals(axes, places - 0.08, [one.forecast for one in past], label="forecast", color=BLUE)
    measured = [one.measured for one in past]
    axes.plot(places + 0.08, measured, "s", color=VERMILION, markersize=6, label="measured")
    style.name_rounds(axes, [f"round {one.round}" for one in past])
    lowest = min([*measured, *(one.forecast.low for one in past)])
    axes.set(ylim=(max(0.0, np.floor(10 * lowest) / 10), 1.005), ylabel="accuracy on the holdout")
    axes.set_title(f"Forecasts of {len(past)} past rounds")
    style.in_percent(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
