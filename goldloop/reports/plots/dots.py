"""Dots with their intervals, one row for each thing compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goldloop.reports.formatting import shortened
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import GREY, VERMILION, new_figure
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


def dots_figure(n_rows: int) -> tuple[Figure, Axes]:
    """Return a figure with room for `n_rows` rows."""
    return new_figure(7.6, 1.75 + ROW_INCHES * max(n_rows, 2))


def draw_rows(axes: Axes, names: Sequence[str], series: Sequence[Dots]) -> None:
    """Draw the series from the top down, nothing where there is no estimate."""
    for dots in series:
        draw_intervals(
            axes,
            [row - dots.shift for row in range(len(names))],
            [measure.estimate for measure in dots.measures],
            is_sideways=True,
            color=dots.colour,
            marker=dots.marker,
            markerfacecolor="white" if dots.shift < 0 else dots.colour,
            label=dots.name,
        )
    axes.set_yticks(range(len(names)), [shortened(name, 22) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def draw_words(axes: Axes, measures: Sequence[Measure]) -> None:
    """Write n to the right of each row, or why there is no estimate."""
    for row, measure in enumerate(measures):
        axes.annotate(
            f"n={measure.n:,}" if measure.estimate is not None else str(measure),
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
