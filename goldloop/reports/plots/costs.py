"""Costs: what each round cost, and what it saved, always with interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goldloop.costs.statement import Statement
from goldloop.reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    STYLE,
    VERMILION,
    Format,
    new_figure,
    rendered,
)
from goldloop.stats.measures import Measure


def spent_plot(accounts: Sequence[Statement], *, kind: Format = "svg") -> bytes:
    """Return what people's time and wrong labels cost in each round, side by side."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 3.9)
        _draw_bars(axes, _Series("people's time", [one.spent for one in accounts], BLUE, ""), -0.2)
        errors = [one.error_cost for one in accounts]
        _draw_bars(axes, _Series("wrong labels", errors, ORANGE, "///"), 0.2)
        _name_rounds(axes, accounts)
        axes.set_ylim(bottom=0)
        axes.set_title("What each round cost")
        figure.legend(loc="outside lower center", ncols=2)
        return rendered(figure, kind)


def saved_plot(accounts: Sequence[Statement], *, kind: Format = "svg") -> bytes:
    """Return what each round saved against labelling, and against accepting, everything; below 0: lost."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 3.9)
        labelling = [one.saved_against_labelling for one in accounts]
        accepting = [one.saved_against_accepting for one in accounts]
        _draw_dots(axes, _Series("against labelling everything", labelling, GREEN, "o"), -0.09)
        _draw_dots(axes, _Series("against accepting everything", accepting, VERMILION, "s"), 0.09)
        axes.axhline(0, color=GREY, linewidth=1)
        _name_rounds(axes, accounts)
        axes.set_title("What each round saved")
        figure.legend(loc="outside lower center", ncols=2)
        return rendered(figure, kind)


@dataclass(frozen=True, slots=True)
class _Series:
    """One measure of each round, and how it is drawn."""

    name: str
    measures: Sequence[Measure]
    colour: str
    mark: str

    def known(self) -> tuple[list[int], list[float], list[list[float]]]:
        """Return places, values and the lengths (2, n) of the interval's arms, of what is known."""
        found = [(place, one.estimate) for place, one in enumerate(self.measures) if one.estimate is not None]
        below = [one.value - one.low for _, one in found]
        above = [one.high - one.value for _, one in found]
        return [place for place, _ in found], [one.value for _, one in found], [below, above]


def _draw_bars(axes: Axes, series: _Series, shift: float) -> None:
    places, values, arms = series.known()
    axes.bar(
        np.array(places) + shift,
        values,
        width=0.38,
        yerr=arms,
        label=series.name,
        color=series.colour,
        hatch=series.mark,
        edgecolor="white",
        ecolor="#333333",
        capsize=3,
    )


def _draw_dots(axes: Axes, series: _Series, shift: float) -> None:
    places, values, arms = series.known()
    axes.errorbar(
        np.array(places) + shift,
        values,
        yerr=arms,
        label=series.name,
        color=series.colour,
        marker=series.mark,
        capsize=3,
        linewidth=1.6,
        elinewidth=1.2,
        markersize=5,
    )


def _name_rounds(axes: Axes, accounts: Sequence[Statement]) -> None:
    axes.set_xlim(-0.6, max(len(accounts), 1) - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.xaxis.set_major_formatter(
        lambda place, _: str(accounts[int(place)].rounds[0]) if 0 <= place < len(accounts) else ""
    )
    axes.grid(axis="y", color="#DDDDDD")
    axes.set_xlabel("round; 95 % intervals; nothing is drawn where it is not known")
    axes.set_ylabel(accounts[0].currency if accounts else "")
