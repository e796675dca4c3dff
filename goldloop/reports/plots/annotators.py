"""Annotators: how accurate, fast and steady each is, and how far suggestions pull them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.annotators.automation_bias import AdoptionGap
from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.reports.formatting import n_text, percent, shortened
from goldloop.reports.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    draw_intervals,
    emphasise,
    in_percent,
    new_figure,
    picture,
)
from goldloop.stats.measures import Measure

N_COLUMNS = 4  # most small drift plots side by side


@picture
def skill_plot(people: Sequence[AnnotatorProfile], *, bar: float) -> Figure:
    """Return everybody's accuracy against the bar: over all blind answers, and on honeypots alone."""
    overall, alone = [person.accuracy for person in people], [person.on_honeypots for person in people]
    figure, axes = _rows_figure([person.name for person in people], overall)
    emphasise(axes.get_yticklabels(), [person.is_flagged for person in people])
    _draw_rows(axes, overall, shift=0.14, label="all blind answers", color=BLUE)
    _draw_rows(
        axes, alone, shift=-0.14, label="honeypots alone", color=GREY, marker="s", markerfacecolor="white"
    )
    _draw_limit(axes, bar, f"bar {percent(bar, 0)}")
    known = [measure.estimate for measure in (*overall, *alone) if measure.estimate]
    lowest = min([*(estimate.low for estimate in known), bar])
    axes.set_xlim(max(0.0, float(np.floor(10 * lowest - 0.5) / 10)), 1.012)
    axes.set_xlabel("accuracy, 95 % interval; n: all blind answers")
    axes.set_title("How often each annotator is right", pad=20)
    if known:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def pace_plot(people: Sequence[AnnotatorProfile]) -> Figure:
    """Return everybody's decision times: the middle half, and the median with its interval."""
    medians = [person.pace.decision_s for person in people]
    figure, axes = _rows_figure([person.name for person in people], medians)
    halves = [(row, *person.pace.quartiles_s) for row, person in enumerate(people) if person.pace.quartiles_s]
    if halves:
        rows, lows, highs = np.array(halves).T
        words = "middle half of the answers"
        axes.barh(rows, highs - lows, left=lows, height=0.5, color=ORANGE, alpha=0.45, label=words)
    _draw_rows(axes, medians, label="median, 95 % interval", color=BLUE)
    axes.set(xlim=(0, None), xlabel="seconds; edited answers and idle times left out")
    axes.set_title("How long a decision takes")
    axes.xaxis.set_major_locator(MaxNLocator(8))
    if any(median.estimate for median in medians):
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


@picture
def gap_plot(gaps: Sequence[AdoptionGap], *, max_gap: float) -> Figure:
    """Return the adoption gap of each of `gaps`; that over all labels has the label None."""
    measures = [Measure(gap.n_shown + gap.n_hidden, gap.difference) for gap in gaps]
    figure, axes = _rows_figure([gap.label or "all labels" for gap in gaps], measures)
    _draw_rows(axes, measures, label="adoption gap", color=BLUE)
    for text, gap in zip(axes.get_yticklabels(), gaps, strict=True):
        text.set_fontweight("normal" if gap.label else "bold")
    axes.axvline(0, color=GREY, linewidth=1)
    _draw_limit(axes, max_gap, f"limit {percent(max_gap, 0)}")
    known = [gap.difference for gap in gaps if gap.difference]
    lowest = min([-0.1, *(estimate.low for estimate in known)])
    highest = max([max_gap + 0.1, *(estimate.high for estimate in known)])
    axes.set_xlim(lowest - 0.02, highest + 0.02)
    axes.set_xlabel("wrong suggestions adopted when shown minus when hidden, 95 % interval; n: both")
    axes.set_title("How far suggestions pull annotators", pad=20)
    return figure


def _rows_figure(names: Sequence[str], measures: Sequence[Measure]) -> tuple[Figure, Axes]:
    """Return a figure with a row for each name, and to its right n, or why there is no estimate."""
    figure, axes = new_figure(7.6, 1.75 + 0.42 * max(len(names), 2))
    axes.set_yticks(range(len(names)), [shortened(name, 22) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    beside = axes.get_yaxis_transform()
    for row, measure in enumerate(measures):
        words = str(measure) if measure.estimate is None else f"n={measure.n:,}"
        axes.text(1.02, row, words, transform=beside, va="center", fontsize=10, color=GREY)
    return figure, axes


def _draw_rows(axes: Axes, measures: Sequence[Measure], *, shift: float = 0.0, **look: Any) -> None:
    """Draw a measure for each row, `shift` rows above its middle; nothing where there is no estimate."""
    places = [row - shift for row in range(len(measures))]
    draw_intervals(axes, places, [measure.estimate for measure in measures], is_sideways=True, **look)


def _draw_limit(axes: Axes, at: float, words: str) -> None:
    """Draw a limit of the shares on the x axis across all rows, its words above it."""
    axes.axvline(at, color=VERMILION, linestyle="--", linewidth=1.4)
    above = axes.get_xaxis_transform()
    axes.text(at, 1.02, words, transform=above, ha="center", fontsize=10, color=VERMILION)
    in_percent(axes.xaxis)
