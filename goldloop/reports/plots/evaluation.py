"""HoldoutEvaluation: what one evaluation says of a model, its confusion and its reliability."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.reports.plots.style import BLUE, GREY, ORANGE, STYLE, Format, new_figure, rendered, shortened
from goldloop.stats.calibration import ReliabilityBin, reliability_bins
from goldloop.stats.metrics import Estimate
from goldloop.training.evaluate import CHALLENGER, HoldoutEvaluation
from goldloop.training.promotion import Evaluation

MOST_CELLS_WITH_COUNTS = 20  # labels up to which a confusion matrix has room for its counts
FEW_LABELS = 8  # labels up to which their names fit under the columns without turning


def confusion_plot(evaluation: Evaluation, *, kind: Format = "svg") -> bytes:
    """Return the confusion matrix: shaded by the share of a row, with counts while they are readable."""
    names = [shortened(one.label) for one in evaluation.per_label]
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(1.9 + 0.52 * len(names), 4.2, 14))
    with mpl.rc_context(STYLE):
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
        bar = figure.colorbar(
            image, ax=axes, fraction=0.045, pad=0.03, format=PercentFormatter(1.0, decimals=0)
        )
        bar.set_label("share of the true label")
        bar.outline.set_visible(False)
        axes.set_title(f"Confusion, {evaluation.split} (n={evaluation.n:,})")
        return rendered(figure, kind)


def reliability_plot(
    bins: Sequence[ReliabilityBin], *, split: str, ece: Estimate, kind: Format = "svg"
) -> bytes:
    """Return accuracy against confidence with intervals, above the number of samples in each bin.

    `ece` is the calibration error of the same samples.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 5.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.4, label="perfectly calibrated")
        confidence = np.array([one.mean_confidence for one in bins])
        values = np.array([one.accuracy.value for one in bins])
        errors = np.array(
            [[one.accuracy.value - one.accuracy.low, one.accuracy.high - one.accuracy.value] for one in bins]
        ).reshape(len(bins), 2)
        upper.errorbar(
            confidence,
            values,
            yerr=errors.T,
            color=BLUE,
            marker="o",
            linestyle="none",
            capsize=4,
            markersize=7,
            elinewidth=1.4,
            label="accuracy, 95 % interval",
        )
        total = sum(one.n for one in bins)
        upper.set_title(f"Reliability, {split} (n={total:,})")
        upper.text(
            0.98,
            0.04,
            f"calibration error {ece.value:.3f}\n95 % interval {ece.low:.3f} to {ece.high:.3f}",
            transform=upper.transAxes,
            ha="right",
            va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )
        upper.set_ylabel("accuracy")
        upper.set_xlim(0, 1)
        upper.set_ylim(-0.02, 1.02)
        upper.grid(color="#DDDDDD")
        upper.legend(loc="upper left")
        heights = [one.n for one in bins]
        bars = lower.bar(
            [one.low for one in bins],
            heights,
            width=[one.high - one.low for one in bins],
            align="edge",
            color=ORANGE,
            edgecolor="white",
        )
        lower.bar_label(bars, labels=[f"{n:,}" for n in heights], fontsize=8, padding=1)
        lower.margins(y=0.25)
        lower.set_ylabel("samples")
        lower.set_xlabel("confidence")
        for axes in (upper, lower):
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        upper.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        return rendered(figure, kind)


def retrain_plots(evaluation: HoldoutEvaluation) -> dict[str, bytes]:
    """Return the files that stand beside a retrain's figures: the challenger's confusion and reliability."""
    judged, seen = evaluation.evaluations[CHALLENGER], evaluation.audited(CHALLENGER)
    bins = reliability_bins(seen.probs, seen.truth, weights=seen.weights)
    files: dict[str, bytes] = {}
    kinds: tuple[Format, ...] = ("png", "svg")
    for kind in kinds:
        files[f"plots/confusion.{kind}"] = confusion_plot(judged, kind=kind)
        files[f"plots/reliability.{kind}"] = reliability_plot(
            bins, split=judged.split, ece=judged.ece, kind=kind
        )
    return files
