"""Costs: what each round cost, and what it saved, always with interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goldloop.costs.statement import Statement
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    name_rounds,
    new_figure,
    picture,
)
from goldloop.stats.measures import Measure


@picture
def spent_plot(accounts: Sequence[Statement]) -> Figure:
    """Return what annotators' time and wrong labels cost in each round, side by side."""
    figure, axes = new_figure(7.6, 3.9)
    time, errors = [account.spent for account in accounts], [account.error_cost for account in accounts]
    _draw_bars(axes, "annotators' time", time, -0.2, colour=BLUE, hatch="")
    _draw_bars(axes, "wrong labels", errors, 0.2, colour=ORANGE, hatch="///")
    _name_axes(axes, accounts)
    axes.set_ylim(bottom=0)
    axes.set_title("What each round cost")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def saved_plot(accounts: Sequence[Statement]) -> Figure:
    """Return what each round saved against labelling, and against accepting, everything; below 0: lost."""
    figure, axes = new_figure(7.6, 3.9)
    labelling = [account.saved_against_labelling.estimate for account in accounts]
    accepting = [account.saved_against_accepting.estimate for account in accounts]
    places = np.arange(len(accounts))
    line: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6, "markersize": 5, "capsize": 3}
    draw_intervals(axes, places - 0.09, labelling, label="against labelling everything", color=GREEN, **line)
    draw_intervals(
        axes,
        places + 0.09,
        accepting,
        label="against accepting everything",
        color=VERMILION,
        marker="s",
        **line,
    )
    axes.axhline(0, color=GREY, linewidth=1)
    _name_axes(axes, accounts)
    axes.set_title("What each round saved")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_bars(
    axes: Axes, name: str, measures: Sequence[Measure], shift: float, *, colour: str, hatch: str
) -> None:
    places = np.arange(len(measures)) + shift
    estimates = [measure.estimate for measure in measures]
    heights = [0.0 if estimate is None else estimate.value for estimate in estimates]
    axes.bar(places, heights, width=0.38, label=name, color=colour, hatch=hatch, edgecolor="white")
    draw_intervals(axes, places, estimates, color="#333333", marker="none", capsize=3)


def _name_axes(axes: Axes, accounts: Sequence[Statement]) -> None:
    name_rounds(axes, [str(account.rounds[0]) for account in accounts])
    axes.grid(axis="y")
    axes.set_xlabel("round; 95 % intervals; nothing is drawn where the amount is not known")
    axes.set_ylabel(accounts[0].currency if accounts else "")
