"""Evaluations of a model: its confusion matrix and its reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.reports.formatting import interval, number, shortened
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import BLUE, GREY, ORANGE, in_percent, new_figure, picture
from goldloop.stats.calibration import ReliabilityBin
from goldloop.stats.metrics import Estimate
from goldloop.training.promotion import Evaluation

MOST_CELLS_WITH_COUNTS = 20  # labels up to which a confusion matrix has room for its counts
FEW_LABELS = 8  # labels up to which their names fit under the columns without turning


@picture
def confusion_plot(evaluation: Evaluation) -> Figure:
    """Return the confusion matrix: shaded by the share of a row, with counts while they are readable."""
    names = [shortened(metrics.label) for metrics in evaluation.per_label]
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(1.9 + 0.52 * len(names), 4.2, 14))
    figure, axes = new_figure(size + 1.1, size)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) > (8 if len(names) <= FEW_LABELS else 3):
        axes.tick_params(axis="x", rotation=45)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(names) <= MOST_CELLS_WITH_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ink = "white" if shares[row, column] > 0.55 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=10)
    bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03, format=PercentFormatter(1.0, decimals=0))
    bar.set_label("share of the true label")
    bar.outline.set_visible(False)
    axes.set_title(f"Confusion, {evaluation.split} (n={evaluation.n:,})")
    return figure


@picture
def reliability_plot(bins: Sequence[ReliabilityBin], *, split: str, ece: Estimate) -> Figure:
    """Return accuracy against confidence with intervals, above the number of samples in each bin.

    `ece` is the calibration error of the same samples.
    """
    figure = Figure(figsize=(6.2, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.4, label="perfectly calibrated")
    draw_intervals(
        upper,
        [bin_.mean_confidence for bin_ in bins],
        [bin_.accuracy for bin_ in bins],
        color=BLUE,
        label="accuracy, 95 % interval",
    )
    total = sum(bin_.n for bin_ in bins)
    upper.set_title(f"Reliability, {split} (n={total:,})")
    upper.text(
        0.98,
        0.04,
        f"calibration error {number(ece.value, 3)}\n95 % interval {interval(ece, 3, factor=1)}",
        transform=upper.transAxes,
        ha="right",
        va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )
    upper.set_ylabel("accuracy")
    upper.set_xlim(0, 1)
    upper.set_ylim(-0.02, 1.02)
    upper.grid()
    upper.legend(loc="upper left")
    heights = [bin_.n for bin_ in bins]
    bars = lower.bar(
        [bin_.low for bin_ in bins],
        heights,
        width=[bin_.high - bin_.low for bin_ in bins],
        align="edge",
        color=ORANGE,
        edgecolor="white",
    )
    lower.bar_label(bars, labels=[f"{n:,}" for n in heights], fontsize=8, padding=1)
    lower.margins(y=0.25)
    lower.set_ylabel("samples")
    lower.set_xlabel("confidence")
    in_percent(upper.xaxis, lower.xaxis, upper.yaxis)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure
