"""Policies: what audits say of every threshold, errors let through against coverage, and cost."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from goldloop.reports.plots.style import BLUE, GREY, ORANGE, STYLE, VERMILION, Format, new_figure, rendered
from goldloop.routing.outcomes import Outcome
from goldloop.routing.tuning import Point, Tuning
from goldloop.stats.metrics import Estimate

NARROWEST = 0.99  # where the axis of confidence begins at the latest, also if a model is sure of everything
HEADROOM = 1.65  # of the y axis, for the legend
LEAST_ACCEPTED = 0.05  # share of all below which the risk of so few is left out: its interval fills the plot


def tuning_plot(found: Tuning, *, kind: Format = "svg") -> bytes:
    """Return risk against coverage above cost against threshold; marks what is in force and recommended."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 8.2), layout="constrained")
        upper, lower = figure.subplots(2, 1)
        _draw_risk(upper, found)
        _draw_cost(lower, found)
        return rendered(figure, kind)


def risk_plot(found: Tuning, *, kind: Format = "svg") -> bytes:
    """Return errors among accepted labels against the share accepted."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 4.4)
        _draw_risk(axes, found)
        return rendered(figure, kind)


def cost_plot(found: Tuning, *, kind: Format = "svg") -> bytes:
    """Return the cost of people and errors against the threshold from which on labels are accepted."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 4.4)
        _draw_cost(axes, found)
        return rendered(figure, kind)


def _marked(found: Tuning) -> list[tuple[str, Outcome, str, str]]:
    """Return the policies to mark, with their marker and colour: one point where both are the same."""
    if found.recommended is found.present:
        return [("in force, and recommended", found.present, "D", VERMILION)]
    return [("in force", found.present, "s", ORANGE), ("recommended", found.recommended, "D", VERMILION)]


def _draw_risk(axes: Axes, found: Tuning) -> None:
    points = [one for one in found.points if one.accepted.value >= LEAST_ACCEPTED]
    accepted = [one.accepted.value for one in points]
    _draw_curve(axes, accepted, [one.let_through for one in points], "accepting from a threshold on")
    for name, one, marker, colour in _marked(found):
        if one.let_through is not None:
            value = one.let_through
            axes.errorbar(
                one.by_lane["auto"],
                value.value,
                yerr=[[value.value - value.low], [value.high - value.value]],
                color=colour,
                marker=marker,
                markersize=8,
                capsize=4,
                linestyle="none",
                label=f"{name}: {one.policy.version}",
            )
    n = found.present.cost.n
    axes.set_title(f"Errors among accepted labels, audits of the holdout (n={n:,})")
    axes.set_xlabel("share of all samples accepted by machine")
    axes.set_ylabel("wrong among accepted")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(color="#DDDDDD")
    axes.legend(loc="upper left")


def _draw_cost(axes: Axes, found: Tuning) -> None:
    points: Sequence[Point] = found.points
    thresholds = [one.threshold for one in points]
    words = "accepting from a threshold on, a quick review below"
    _draw_curve(axes, thresholds, [one.cost for one in points], words)
    for (name, one, _, colour), dashes in zip(_marked(found), ("--", "-."), strict=False):
        axes.axhline(
            one.cost.value,
            color=colour,
            linestyle=dashes,
            linewidth=1.6,
            label=f"{name}: {one.policy.version}",
        )
    even = found.break_even
    if even is not None:
        axes.axvline(
            even.value,
            color=GREY,
            linestyle=":",
            linewidth=1.6,
            label=f"accepting pays from {even.value:.2f} on",
        )
        axes.axvspan(even.low, even.high, color=GREY, alpha=0.15, linewidth=0, label="its 95 % interval")
    n = found.present.cost.n
    axes.set_title(f"Cost of people and errors, audits of the holdout (n={n:,})")
    axes.set_xlabel("threshold of confidence")
    axes.set_ylabel(f"{found.currency} per 1,000 samples")
    axes.set_xlim(min(*thresholds, NARROWEST), 1)
    axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
    axes.grid(color="#DDDDDD")
    axes.legend(loc="upper left")


def _draw_curve(axes: Axes, at: Sequence[float], values: Sequence[Estimate], words: str) -> None:
    low, high = np.array([one.low for one in values]), np.array([one.high for one in values])
    axes.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(at, [one.value for one in values], color=BLUE, linewidth=1.8, label=words)
