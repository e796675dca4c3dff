"""Drift: a batch beside what the same model saw before, with what moved marked."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.drift.checks import Check
from goldloop.drift.sketches import N_BINS, Sketch
from goldloop.reports.plots.style import BLUE, STYLE, VERMILION, Format, rendered, shortened

MOST_LABELS = 15  # labels with a bar of their own; the others moved less

Shares = npt.NDArray[np.float64]


def batch_plot(sketch: Sketch, reference: Sketch | None, check: Check, *, kind: Format = "svg") -> bytes:
    """Return confidence and predicted labels of a batch of one prediction or more, before and now."""
    with mpl.rc_context(STYLE):
        labels = _shown_labels(sketch, reference, check)
        height = max(3.9, 1.9 + 0.32 * len(labels))
        figure = Figure(figsize=(11, height), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        _draw_confidence(left, sketch, reference, check)
        _draw_labels(right, sketch, reference, check, labels)
        figure.suptitle(
            f"This batch (n={sketch.n:,}) beside what came before (n={reference.n if reference else 0:,}): "
            f"{_verdict(check)}",
            x=0.01,
            ha="left",
            fontweight="bold",
            fontsize=12,
            color=VERMILION if check.drifts else "black",
        )
        handles, names = left.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        return rendered(figure, kind)


def _verdict(check: Check) -> str:
    if check.unknown:
        return "too little to tell"
    if not check.drifts:
        return "nothing moved"
    kinds = dict.fromkeys(one.kind for one in check.drifts)
    shift = sum(one.now for one in check.drifts if one.kind == "embeddings")
    return "moved: " + ", ".join(f"{one} by {shift:.1f} SD" if one == "embeddings" else one for one in kinds)


def _draw_confidence(axes: Axes, sketch: Sketch, reference: Sketch | None, check: Check) -> None:
    edges = np.arange(N_BINS + 1) / N_BINS
    for place, one in enumerate(one for one in check.drifts if one.low is not None and one.high is not None):
        axes.axvspan(
            one.low or 0.0,
            one.high or 1.0,
            color=VERMILION,
            alpha=0.13,
            linewidth=0,
            label="what moved" if place == 0 else None,
        )
    axes.bar(
        edges[:-1],
        _shares(sketch.confidence_counts),
        width=1 / N_BINS,
        align="edge",
        color=BLUE,
        alpha=0.55,
        edgecolor="white",
        label="this batch",
    )
    if reference:
        axes.stairs(_shares(reference.confidence_counts), edges, color="black", linewidth=1.8, label="before")
    axes.set_xlim(0, 1)
    axes.grid(axis="y", color="#DDDDDD")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("confidence")
    axes.set_title("Share of predictions by confidence")


def _draw_labels(
    axes: Axes, sketch: Sketch, reference: Sketch | None, check: Check, labels: list[int]
) -> None:
    moved = {one.what for one in check.drifts if one.kind == "labels"}
    rows = np.arange(len(labels))[::-1]
    now = _shares(sketch.label_counts)[labels]
    axes.barh(rows, now, height=0.62, color=BLUE, alpha=0.55)
    if reference:
        before = _shares(reference.label_counts)[labels]
        axes.vlines(before, rows - 0.38, rows + 0.38, color="black", linewidth=2.2)
    axes.set_yticks(rows, [shortened(sketch.labels[one]) for one in labels])
    for text, one in zip(axes.get_yticklabels(), labels, strict=True):
        if sketch.labels[one] in moved:
            text.set_color(VERMILION)
            text.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color="#DDDDDD")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    left_out = len(sketch.labels) - len(labels)
    axes.set_xlabel("share of predictions" + (f"; {left_out} labels not shown" if left_out else ""))
    axes.set_title("Predicted labels", color=VERMILION if moved else "black")


def _shown_labels(sketch: Sketch, reference: Sketch | None, check: Check) -> list[int]:
    """Columns in label-set order: those that moved, then the largest."""
    moved = {one.what for one in check.drifts if one.kind == "labels"}
    size = np.maximum(_shares(sketch.label_counts), _shares(reference.label_counts) if reference else 0)
    order = sorted(range(len(size)), key=lambda one: (sketch.labels[one] not in moved, -size[one]))
    return sorted(order[:MOST_LABELS])


def _shares(counts: npt.NDArray[np.int64]) -> Shares:
    shares: Shares = counts / counts.sum()
    return shares
