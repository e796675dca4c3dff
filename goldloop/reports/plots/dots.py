"""Dots with their intervals, one row for each thing compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from goldloop.reports.plots.style import GREY, VERMILION, shortened
from goldloop.stats.measures import Measure

ROW_INCHES = 0.42


@dataclass(frozen=True, slots=True)
class Dots:
    """One series, a measure for each row; `shift` is how many rows above the middle it is drawn."""

    name: str
    measures: Sequence[Measure]
    colour: str
    marker: str
    shift: float = 0.0


def dots_figure(n_rows: int, *, width: float = 7.6) -> tuple[Figure, Axes]:
    """Return a figure of its own with room for `n_rows` rows."""
    figure = Figure(figsize=(width, 1.75 + ROW_INCHES * max(n_rows, 2)), layout="constrained")
    return figure, figure.add_subplot()


def draw_rows(axes: Axes, names: Sequence[str], series: Sequence[Dots]) -> None:
    """Draw the series from the top down; where there is no estimate, its words stand in its place."""
    for one in series:
        label: str | None = one.name
        for row, measure in enumerate(one.measures):
            y = row - one.shift
            found = measure.estimate
            if found is None:
                continue
            axes.errorbar(
                found.value,
                y,
                xerr=[[found.value - found.low], [found.high - found.value]],
                color=one.colour,
                marker=one.marker,
                markerfacecolor="white" if one.shift < 0 else one.colour,
                markersize=7,
                capsize=4,
                elinewidth=1.6,
                linestyle="none",
                label=label,
            )
            label = None
    axes.set_yticks(range(len(names)), [shortened(name, 22) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDDDDD")


def draw_words(axes: Axes, measures: Sequence[Measure]) -> None:
    """Write n to the right of each row, or that there is too little for a figure."""
    for row, measure in enumerate(measures):
        words = f"n={measure.n:,}" if measure.estimate is not None else str(measure)
        axes.annotate(
            words,
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=GREY,
            annotation_clip=False,
        )


def draw_line(axes: Axes, at: float, words: str) -> None:
    """Draw a limit across all rows, its words above it."""
    axes.axvline(at, color=VERMILION, linestyle="--", linewidth=1.4)
    axes.annotate(
        words,
        (at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=10,
        color=VERMILION,
    )


def in_percent(axes: Axes) -> None:
    """Write the values of the x axis as percentages."""
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
