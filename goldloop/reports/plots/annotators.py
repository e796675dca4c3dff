"""People: how good, how fast and how steady each annotator is, always with interval and n."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.reports.plots.dots import Dots, dots_figure, draw_line, draw_rows, draw_words, in_percent
from goldloop.reports.plots.style import BLUE, GREY, ORANGE, STYLE, VERMILION, Format, n_text, rendered

N_COLUMNS = 4  # most small drift plots side by side


def skill_plot(people: Sequence[AnnotatorProfile], *, bar: float, kind: Format = "svg") -> bytes:
    """Return everybody's accuracy against the bar: over all blind answers, and on controls alone."""
    with mpl.rc_context(STYLE):
        figure, axes = dots_figure(len(people))
        overall = [one.accuracy for one in people]
        draw_rows(
            axes,
            [one.name for one in people],
            [
                Dots("all blind answers", overall, BLUE, "o", shift=0.14),
                Dots("controls alone", [one.on_honeypots for one in people], GREY, "s", shift=-0.14),
            ],
        )
        for row, one in enumerate(people):
            if one.is_flagged:
                axes.get_yticklabels()[row].set_color(VERMILION)
                axes.get_yticklabels()[row].set_fontweight("bold")
        draw_words(axes, overall)
        draw_line(axes, bar, f"bar {bar:.0%}")
        axes.set_xlim(_lowest(people, bar), 1.012)
        in_percent(axes)
        axes.set_xlabel("accuracy, 95 % interval; n: all blind answers")
        axes.set_title("How often each annotator is right", pad=20)
        if any(one.accuracy.estimate or one.on_honeypots.estimate for one in people):
            figure.legend(loc="outside lower center", ncols=2)
        return rendered(figure, kind)


def _lowest(people: Sequence[AnnotatorProfile], bar: float) -> float:
    lows = [
        one.estimate.low
        for person in people
        for one in (person.accuracy, person.on_honeypots)
        if one.estimate
    ]
    return max(0.0, float(np.floor(10 * min([*lows, bar]) - 0.5) / 10))


def pace_plot(people: Sequence[AnnotatorProfile], *, kind: Format = "svg") -> bytes:
    """Return everybody's decision times: the middle half, and the median with its interval."""
    with mpl.rc_context(STYLE):
        figure, axes = dots_figure(len(people))
        label: str | None = "middle half of the answers"
        for row, one in enumerate(people):
            if one.pace.quartiles_s is not None:
                low, high = one.pace.quartiles_s
                axes.barh(row, high - low, left=low, height=0.5, color=ORANGE, alpha=0.45, label=label)
                label = None
        medians = [one.pace.decision_s for one in people]
        draw_rows(axes, [one.name for one in people], [Dots("median, 95 % interval", medians, BLUE, "o")])
        draw_words(axes, medians)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(8))
        axes.set_xlabel("seconds; edited answers and idle times left out")
        axes.set_title("How long a decision takes")
        if any(one.estimate for one in medians):
            figure.legend(loc="outside lower center", ncols=2)
        return rendered(figure, kind)


def drift_plot(people: Sequence[AnnotatorProfile], *, bar: float, kind: Format = "svg") -> bytes:
    """Return everybody's accuracy in each round, a small plot a person; who is falling says so."""
    n_rows = max(1, ceil(len(people) / N_COLUMNS))
    n_columns = max(1, ceil(len(people) / n_rows))
    rounds = [one.round for person in people for one in person.rounds]
    with mpl.rc_context(STYLE | {"font.size": 9, "axes.titlesize": 10}):
        figure = Figure(figsize=(max(4.8, 2.1 * n_columns), 0.9 + 1.9 * n_rows), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        for axes, one in zip(panels.flat, people, strict=False):
            _draw_drift(axes, one, bar)
        for axes in list(panels.flat)[len(people) :]:
            axes.set_visible(False)
        first = panels[0, 0]
        first.set_xlim(min(rounds, default=0) - 0.5, max(rounds, default=1) + 0.5)
        first.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        first.set_ylim(-0.03, 1.03)
        first.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        sizes = [one.accuracy.n for person in people for one in person.rounds if one.accuracy.estimate]
        figure.suptitle(
            f"Accuracy over rounds ({f'{n_text(sizes)} a round' if sizes else 'too few in every round'})",
            x=0.01,
            ha="left",
            fontweight="bold",
            fontsize=11,
        )
        figure.supxlabel(f"round; 95 % intervals; dashed: the bar, {bar:.0%}", fontsize=9)
        return rendered(figure, kind)


def _draw_drift(axes: Axes, person: AnnotatorProfile, bar: float) -> None:
    colour = VERMILION if person.is_falling else BLUE
    found = [(one.round, one.accuracy.estimate) for one in person.rounds if one.accuracy.estimate]
    if found:
        values = np.array([one.value for _, one in found])
        low, high = np.array([one.low for _, one in found]), np.array([one.high for _, one in found])
        axes.errorbar(
            [number for number, _ in found],
            values,
            yerr=np.vstack([values - low, high - values]),
            color=colour,
            marker="o",
            markersize=4,
            capsize=2,
            linewidth=1.4,
            elinewidth=1,
        )
    else:
        axes.text(0.5, 0.5, "too few a round", transform=axes.transAxes, ha="center", color=GREY)
    axes.axhline(bar, color=VERMILION, linestyle="--", linewidth=1)
    axes.grid(axis="y", color="#DDDDDD")
    axes.set_title(f"{person.name}: falling" if person.is_falling else person.name, color=colour)
    axes.tick_params(labelbottom=True)
