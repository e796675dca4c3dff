"""Annotators: how accurate and how steady each is."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.reports.formatting import n_text, percent, shortened
from goldloop.reports.plots.style import (
    BLUE,
    GREY,
    VERMILION,
    draw_intervals,
    emphasise,
    in_percent,
    new_figure,
    picture,
)

N_COLUMNS = 4  # most small drift plots side by side


@picture
def skill_plot(people: Sequence[AnnotatorProfile], *, bar: float) -> Figure:
    """Return everybody's accuracy against the bar: over all blind answers, and on honeypots alone."""
    figure, axes = new_figure(7.6, 1.75 + 0.42 * max(len(people), 2))
    rows = np.arange(len(people))
    axes.set_yticks(rows, [shortened(person.name, 22) for person in people])
    emphasise(axes.get_yticklabels(), [person.is_flagged for person in people])
    axes.set_ylim(len(people) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    overall = [person.accuracy.estimate for person in people]
    alone = [person.on_honeypots.estimate for person in people]
    hollow: dict[str, Any] = {"color": GREY, "marker": "s", "markerfacecolor": "white"}
    draw_intervals(axes, rows - 0.14, overall, is_sideways=True, label="all blind answers", color=BLUE)
    draw_intervals(axes, rows + 0.14, alone, is_sideways=True, label="honeypots alone", **hollow)
    beside, above = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    for row, person in enumerate(people):
        words = f"n={person.accuracy.n:,}" if person.accuracy.estimate else str(person.accuracy)
        axes.text(1.02, row, words, transform=beside, va="center", fontsize=10, color=GREY)
    axes.axvline(bar, color=VERMILION, linestyle="--", linewidth=1.4)
    words = f"bar {percent(bar, 0)}"
    axes.text(bar, 1.02, words, transform=above, ha="center", fontsize=10, color=VERMILION)
    known = [estimate for estimate in (*overall, *alone) if estimate]
    lowest = np.floor(10 * min([*(estimate.low for estimate in known), bar]) - 0.5) / 10
    axes.set(xlim=(max(0.0, lowest), 1.012), xlabel="accuracy, 95 % interval; n: all blind answers")
    in_percent(axes.xaxis)
    axes.set_title("How often each annotator is right", pad=20)
    if known:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def drift_plot(people: Sequence[AnnotatorProfile], *, bar: float) -> Figure:
    """Return everybody's accuracy in each round, a small plot for each; falling annotators are marked."""
    n_rows = max(1, ceil(len(people) / N_COLUMNS))
    n_columns = max(1, ceil(len(people) / n_rows))
    rounds = [past.round for person in people for past in person.rounds]
    figure = Figure(figsize=(max(4.8, 2.1 * n_columns), 0.9 + 1.9 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for axes, person in zip(panels.flat, people, strict=False):
        _draw_drift(axes, person, bar)
    for axes in list(panels.flat)[len(people) :]:
        axes.set_visible(False)
    first = panels[0, 0]
    first.set(xlim=(min(rounds, default=0) - 0.5, max(rounds, default=1) + 0.5), ylim=(-0.03, 1.03))
    first.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    in_percent(first.yaxis)
    sizes = [past.accuracy.n for person in people for past in person.rounds if past.accuracy.estimate]
    words = f"{n_text(sizes)} a round" if sizes else "too few in every round"
    figure.suptitle(f"Accuracy over rounds ({words})", x=0.01, ha="left", fontweight="bold", fontsize=11)
    figure.supxlabel(f"round; 95 % intervals; dashed: the bar, {percent(bar, 0)}", fontsize=9)
    return figure


def _draw_drift(axes: Axes, person: AnnotatorProfile, bar: float) -> None:
    colour = VERMILION if person.is_falling else BLUE
    estimates = [past.accuracy.estimate for past in person.rounds]
    look: dict[str, Any] = {"markersize": 4, "capsize": 2, "linestyle": "-", "linewidth": 1.4}
    draw_intervals(axes, [past.round for past in person.rounds], estimates, color=colour, **look)
    if not any(estimates):
        words = "too few a round"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=GREY, fontsize=9)
    axes.axhline(bar, color=VERMILION, linestyle="--", linewidth=1)
    axes.grid(axis="y")
    title = f"{person.name}: falling" if person.is_falling else person.name
    axes.set_title(title, color=colour, fontsize=10)
    axes.tick_params(labelbottom=True, labelsize=9)
