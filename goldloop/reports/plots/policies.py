"""Policies: errors let through against coverage, and cost against the threshold, from audits."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goldloop.core.lanes import Lane
from goldloop.reports.formatting import number
from goldloop.reports.plots.intervals import draw_band, draw_intervals
from goldloop.reports.plots.style import GREY, ORANGE, VERMILION, in_percent, new_figure, picture
from goldloop.routing.outcomes import Outcome
from goldloop.routing.tuning import Tuning

NARROWEST = 0.99  # largest start of the confidence axis, also if a model is sure of everything
HEADROOM = 1.65  # of the y axis, for the legend
LEAST_ACCEPTED = (
    0.05  # share accepted below which the risk is left out: the interval of so few fills the plot
)


@picture
def tuning_plot(tuning: Tuning) -> Figure:
    """Return risk against coverage above cost against threshold; marks what is in force and recommended."""
    figure = Figure(figsize=(7.6, 8.2), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    _draw_risk(upper, tuning)
    _draw_cost(lower, tuning)
    return figure


@picture
def risk_plot(tuning: Tuning) -> Figure:
    """Return errors among accepted labels against the share accepted."""
    figure, axes = new_figure(7.6, 4.4)
    _draw_risk(axes, tuning)
    return figure


@picture
def cost_plot(tuning: Tuning) -> Figure:
    """Return the cost of people and errors against the threshold above which labels are accepted."""
    figure, axes = new_figure(7.6, 4.4)
    _draw_cost(axes, tuning)
    return figure


def _marked(tuning: Tuning) -> list[tuple[str, Outcome, str, str]]:
    """Return the policies to mark, with their marker and colour: one point where both are the same."""
    if tuning.recommended is tuning.present:
        return [("in force, and recommended", tuning.present, "D", VERMILION)]
    return [("in force", tuning.present, "s", ORANGE), ("recommended", tuning.recommended, "D", VERMILION)]


def _draw_risk(axes: Axes, tuning: Tuning) -> None:
    points = [point for point in tuning.points if point.accepted.value >= LEAST_ACCEPTED]
    accepted, errors = [point.accepted.value for point in points], [point.let_through for point in points]
    draw_band(axes, accepted, errors, label="accepting above a threshold")
    for name, outcome, marker, colour in _marked(tuning):
        words = f"{name}: {outcome.policy.version}"
        place, share = outcome.by_lane[Lane.AUTO], outcome.let_through
        draw_intervals(axes, [place], [share], color=colour, marker=marker, markersize=8, label=words)
    axes.set_title(f"Errors among accepted labels, audits of the holdout (n={tuning.present.cost.n:,})")
    axes.set_xlabel("share of all samples accepted by the model")
    axes.set_ylabel("wrong among accepted")
    axes.set_xlim(0, 1)
    in_percent(axes.xaxis, axes.yaxis, decimals=None)
    _finish(axes)


def _draw_cost(axes: Axes, tuning: Tuning) -> None:
    thresholds = [point.threshold for point in tuning.points]
    words = "accepting above a threshold, a quick review below"
    draw_band(axes, thresholds, [point.cost for point in tuning.points], label=words)
    for (name, outcome, _, colour), dashes in zip(_marked(tuning), ("--", "-."), strict=False):
        words = f"{name}: {outcome.policy.version}"
        axes.axhline(outcome.cost.value, color=colour, linestyle=dashes, linewidth=1.6, label=words)
    even = tuning.break_even
    if even is not None:
        words = f"accepting pays above {number(even.value, 2)}"
        axes.axvline(even.value, color=GREY, linestyle=":", linewidth=1.6, label=words)
        axes.axvspan(even.low, even.high, color=GREY, alpha=0.15, linewidth=0, label="its 95 % interval")
    axes.set_title(f"Cost of people and errors, audits of the holdout (n={tuning.present.cost.n:,})")
    axes.set_xlabel("threshold of confidence")
    axes.set_ylabel(f"{tuning.currency} per 1,000 samples")
    axes.set_xlim(min(*thresholds, NARROWEST), 1)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
    axes.grid()
    axes.legend(loc="upper left")
