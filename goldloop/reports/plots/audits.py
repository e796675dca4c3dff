"""What audits show of a model: its reliability, and the errors and cost of every threshold."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.core.lanes import Lane
from goldloop.reports.formatting import interval, number
from goldloop.reports.plots.intervals import draw_band, draw_intervals
from goldloop.reports.plots.style import BLUE, GREY, ORANGE, VERMILION, in_percent, picture
from goldloop.routing.outcomes import Outcome
from goldloop.routing.tuning import Tuning
from goldloop.stats.metrics import Estimate
from goldloop.stats.reliability import ReliabilityBin

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
def reliability_plot(bins: Sequence[ReliabilityBin], *, split: str, ece: Estimate) -> Figure:
    """Return accuracy against confidence with intervals, above the number of samples in each bin.

    `ece` is the calibration error of the same samples.
    """
    figure = Figure(figsize=(6.2, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.4, label="perfectly calibrated")
    places, accuracies = [bin_.mean_confidence for bin_ in bins], [bin_.accuracy for bin_ in bins]
    draw_intervals(upper, places, accuracies, color=BLUE, label="accuracy, 95 % interval")
    upper.set_title(f"Reliability, {split} (n={sum(bin_.accuracy.n for bin_ in bins):,})")
    words = f"calibration error {number(ece.value, 3)}\n95 % interval {interval(ece, 3, factor=1)}"
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    upper.text(0.98, 0.04, words, transform=upper.transAxes, ha="right", va="bottom", bbox=box)
    upper.set_ylabel("accuracy")
    upper.set_xlim(-0.01, 1.02)  # room for a marker at 100 %
    upper.set_ylim(-0.02, 1.02)
    upper.grid()
    upper.legend(loc="upper left")
    lows, widths = [bin_.low for bin_ in bins], [bin_.high - bin_.low for bin_ in bins]
    heights = [bin_.accuracy.n for bin_ in bins]
    bars = lower.bar(lows, heights, width=widths, align="edge", color=ORANGE, edgecolor="white")
    lower.bar_label(bars, labels=[f"{n:,}" for n in heights], fontsize=8, padding=1)
    lower.margins(y=0.25)
    lower.set_ylabel("samples")
    lower.set_xlabel("confidence")
    in_percent(upper.xaxis, lower.xaxis, upper.yaxis)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
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
    axes.set_xlim(0, 1.02)  # room for a marker at 100 %
    in_percent(axes.xaxis, axes.yaxis, decimals=None)
    _finish(axes)


def _draw_cost(axes: Axes, tuning: Tuning) -> None:
    thresholds = [point.threshold for point in tuning.points]
    words = "accepting above a threshold, a quick review below"
    draw_band(axes, thresholds, [point.cost for point in tuning.points], label=words)
    for (name, outcome, _, colour), dashes in zip(_marked(tuning), ("--", "-."), strict=False):
        words = f"{name}: {outcome.policy.version}"
        axes.axhline(outcome.cost.value, color=colour, linestyle=dashes, linewidth=1.6, label=words)
    axes.set_title(f"Cost of people and errors, audits of the holdout (n={tuning.present.cost.n:,})")
    axes.set_xlabel("threshold of confidence")
    axes.set_ylabel(f"{tuning.currency} per 1,000 samples")
    axes.set_xlim(min(*thresholds, NARROWEST), 1)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
    axes.grid()
    axes.legend(loc="upper left")
