"""Annotators: how accurate, fast and steady each is, and how far suggestions pull them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.annotators.automation_bias import AdoptionGap
from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.reports.formatting import n_text, percent, shortened
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import BLUE, GREY, ORANGE, VERMILION, in_percent, new_figure, picture
from goldloop.stats.measures import Measure

N_COLUMNS = 4  # most small drift plots side by side
ROW_INCHES = 0.42


@dataclass(frozen=True, slots=True)
class Dots:
    """One series, a measure for each row; `shift` is how many rows above the middle it is drawn."""

    name: str
    measures: Sequence[Measure]
    colour: str
    marker: str
    shift: float = 0.0


@picture
def skill_plot(people: Sequence[AnnotatorProfile], *, bar: float) -> Figure:
    """Return everybody's accuracy against the bar: over all blind answers, and on honeypots alone."""
    figure, axes = _dots_figure(len(people))
    overall, alone = [person.accuracy for person in people], [person.on_honeypots for person in people]
    series = [
        Dots("all blind answers", overall, BLUE, "o", shift=0.14),
        Dots("honeypots alone", alone, GREY, "s", shift=-0.14),
    ]
    _draw_rows(axes, [person.name for person in people], series)
    for text, person in zip(axes.get_yticklabels(), people, strict=True):
        if person.is_flagged:
            text.set_color(VERMILION)
            text.set_fontweight("bold")
    _draw_words(axes, overall)
    _draw_line(axes, bar, f"bar {percent(bar, 0)}")
    known = [measure.estimate for measure in (*overall, *alone) if measure.estimate]
    lowest = min([*(estimate.low for estimate in known), bar])
    axes.set_xlim(max(0.0, float(np.floor(10 * lowest - 0.5) / 10)), 1.012)
    in_percent(axes.xaxis)
    axes.set_xlabel("accuracy, 95 % interval; n: all blind answers")
    axes.set_title("How often each annotator is right", pad=20)
    if known:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def pace_plot(people: Sequence[AnnotatorProfile]) -> Figure:
    """Return everybody's decision times: the middle half, and the median with its interval."""
    figure, axes = _dots_figure(len(people))
    halves = [(row, person.pace.quartiles_s) for row, person in enumerate(people) if person.pace.quartiles_s]
    if halves:
        axes.barh(
            [row for row, _ in halves],
            [high - low for _, (low, high) in halves],
            left=[low for _, (low, _) in halves],
            height=0.5,
            color=ORANGE,
            alpha=0.45,
            label="middle half of the answers",
        )
    medians = [person.pace.decision_s for person in people]
    _draw_rows(axes, [person.name for person in people], [Dots("median, 95 % interval", medians, BLUE, "o")])
    _draw_words(axes, medians)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.set_xlabel("seconds; edited answers and idle times left out")
    axes.set_title("How long a decision takes")
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
    first.set_xlim(min(rounds, default=0) - 0.5, max(rounds, default=1) + 0.5)
    first.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    first.set_ylim(-0.03, 1.03)
    in_percent(first.yaxis)
    sizes = [past.accuracy.n for person in people for past in person.rounds if past.accuracy.estimate]
    words = f"{n_text(sizes)} a round" if sizes else "too few in every round"
    title = f"Accuracy over rounds ({words})"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
    figure.supxlabel(f"round; 95 % intervals; dashed: the bar, {percent(bar, 0)}", fontsize=9)
    return figure


def _draw_drift(axes: Axes, person: AnnotatorProfile, bar: float) -> None:
    colour = VERMILION if person.is_falling else BLUE
    estimates = [past.accuracy.estimate for past in person.rounds]
    rounds = [past.round for past in person.rounds]
    draw_intervals(
        axes, rounds, estimates, color=colour, markersize=4, capsize=2, linestyle="-", linewidth=1.4
    )
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
    figure, axes = _dots_figure(len(gaps))
    measures = [Measure(gap.n_shown + gap.n_hidden, gap.difference) for gap in gaps]
    names = [gap.label or "all labels" for gap in gaps]
    _draw_rows(axes, names, [Dots("adoption gap", measures, BLUE, "o")])
    for text, gap in zip(axes.get_yticklabels(), gaps, strict=True):
        text.set_fontweight("normal" if gap.label else "bold")
    _draw_words(axes, measures)
    axes.axvline(0, color=GREY, linewidth=1)
    _draw_line(axes, max_gap, f"limit {percent(max_gap, 0)}")
    known = [gap.difference for gap in gaps if gap.difference]
    lowest = min([-0.1, *(estimate.low for estimate in known)])
    highest = max([max_gap + 0.1, *(estimate.high for estimate in known)])
    axes.set_xlim(lowest - 0.02, highest + 0.02)
    in_percent(axes.xaxis)
    axes.set_xlabel("wrong suggestions adopted when shown minus when hidden, 95 % interval; n: both")
    axes.set_title("How far suggestions pull annotators", pad=20)
    return figure


def _dots_figure(n_rows: int) -> tuple[Figure, Axes]:
    """Return a figure with room for `n_rows` rows."""
    return new_figure(7.6, 1.75 + ROW_INCHES * max(n_rows, 2))


def _draw_rows(axes: Axes, names: Sequence[str], series: Sequence[Dots]) -> None:
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


def _draw_words(axes: Axes, measures: Sequence[Measure]) -> None:
    """Write n to the right of each row, or why there is no estimate."""
    beside = axes.get_yaxis_transform()
    for row, measure in enumerate(measures):
        words = str(measure) if measure.estimate is None else f"n={measure.n:,}"
        axes.text(1.02, row, words, transform=beside, va="center", fontsize=10, color=GREY)


def _draw_line(axes: Axes, at: float, words: str) -> None:
    """Draw a limit across all rows, its words above it."""
    axes.axvline(at, color=VERMILION, linestyle="--", linewidth=1.4)
    above = axes.get_xaxis_transform()
    axes.text(at, 1.02, words, transform=above, ha="center", fontsize=10, color=VERMILION)
