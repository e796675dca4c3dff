"""What audits show of a model: its reliability, and the errors and cost of every threshold."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.reports.formatting import interval, number
from goldloop.reports.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    draw_band,
    draw_intervals,
    in_percent,
    picture,
)
from goldloop.routing.outcomes import Outcome
from goldloop.routing.tuning import Tuning
from goldloop.stats.reliability import calibration_error, reliability_bins

NARROWEST = 0.99  # largest start of the confidence axis, also if a model is sure of everything
HEADROOM = 1.65  # of the y axis, for the legend
LEAST_ACCEPTED = 0.05  # share accepted below which the interval of the risk would fill the plot


@picture
def reliability_plot(judged: Audited, *, split: str) -> Figure:
    """Return accuracy against confidence with intervals, above the number of samples in each bin."""
    drawn = {"weights": judged.weights, "clusters": judged.clusters}
    bins = reliability_bins(judged.probs, judged.truth, **drawn)
    error = calibration_error(judged.probs, judged.truth, **drawn)
    figure = Figure(figsize=(6.2, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.4, label="perfectly calibrated")
    places, accuracies = [bin_.mean_confidence for bin_ in bins], [bin_.accuracy for bin_ in bins]
    draw_intervals(upper, places, accuracies, color=BLUE, label="accuracy, 95 % interval")
    upper.set_title(f"Reliability, {split} (n={len(judged):,})")
    words = f"calibration error {number(error.value, 3)}\n95 % interval {interval(error, 3, factor=1)}"
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    upper.text(0.98, 0.04, words, transform=upper.transAxes, ha="right", va="bottom", bbox=box)
    upper.set(xlim=(-0.01, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")  # room for a marker at 100 %
    upper.grid()
    upper.legend(loc="upper left")
    lows, widths = [bin_.low for bin_ in bins], [bin_.high - bin_.low for bin_ in bins]
    heights = [bin_.accuracy.n for bin_ in bins]
    bars = lower.bar(lows, heights, width=widths, align="edge", color=ORANGE, edgecolor="white")
    lower.bar_label(bars, labels=[f"{n:,}" for n in heights], fontsize=8, padding=1)
    lower.margins(y=0.25)
    lower.set(xlabel="confidence", ylabel="samples")
    in_percent(upper.xaxis, lower.xaxis, upper.yaxis)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


@picture
def tuning_plot(tuning: Tuning) -> Figure:
    """Return risk against coverage above cost against threshold; marks what is in force and recommended."""
    figure = Figure(figsize=(7.6, 8.2), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    _draw_risk(upper, tuning)
    _draw_cost(lower, tuning)
    for axes in (upper, lower):
        axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
        axes.grid()
        axes.legend(loc="upper left")
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
    axes.set(xlabel="share of all samples accepted by the model", ylabel="wrong among accepted")
    axes.set_xlim(0, 1.02)  # room for a marker at 100 %
    in_percent(axes.xaxis, axes.yaxis, decimals=None)


def _draw_cost(axes: Axes, tuning: Tuning) -> None:
    thresholds = [point.threshold for point in tuning.points]
    words = "accepting above a threshold, a quick review below"
    draw_band(axes, thresholds, [point.cost for point in tuning.points], label=words)
    for (name, outcome, _, colour), dashes in zip(_marked(tuning), ("--", "-."), strict=False):
        words = f"{name}: {outcome.policy.version}"
        axes.axhline(outcome.cost.value, color=colour, linestyle=dashes, linewidth=1.6, label=words)
    axes.set_title(f"Cost of people and errors, audits of the holdout (n={tuning.present.cost.n:,})")
    axes.set(xlabel="threshold of confidence", ylabel=f"{tuning.currency} per 1,000 samples")
    axes.set_xlim(min(*thresholds, NARROWEST), 1)
