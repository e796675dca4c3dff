"""Drift: a batch beside what the same model saw before, with what drifted marked."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.drift.checks import Check
from goldloop.drift.sketches import N_BINS, Sketch
from goldloop.reports.formatting import number, shortened
from goldloop.reports.plots.style import BLUE, VERMILION, in_percent, picture

MOST_LABELS = 15  # labels with a bar of their own; the others moved less


@picture
def batch_plot(sketch: Sketch, reference: Sketch | None, check: Check) -> Figure:
    """Return confidence and predicted labels of a batch of one prediction or more, before and now."""
    labels = _shown_labels(sketch, reference, check)
    height = max(3.9, 1.9 + 0.32 * len(labels))
    figure = Figure(figsize=(11, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _draw_confidence(left, sketch, reference, check)
    _draw_labels(right, sketch, reference, check, labels)
    figure.suptitle(
        f"This batch (n={sketch.n:,}) beside what came before (n={reference.n if reference else 0:,}): "
        f"{_outcome(check)}",
        x=0.01,
        ha="left",
        fontweight="bold",
        fontsize=12,
        color=VERMILION if check.drifts else "black",
    )
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _outcome(check: Check) -> str:
    if check.unknown:
        return "too few to compare"
    if not check.drifts:
        return "no drift"
    kinds = dict.fromkeys(drift.kind for drift in check.drifts)
    shift = sum(drift.now for drift in check.drifts if drift.kind == "embeddings")
    words = [f"{kind} by {number(shift, 1)} SD" if kind == "embeddings" else kind for kind in kinds]
    return "drift in " + ", ".join(words)


def _draw_confidence(axes: Axes, sketch: Sketch, reference: Sketch | None, check: Check) -> None:
    edges = np.arange(N_BINS + 1) / N_BINS
    spans = [
        (drift.low, drift.high) for drift in check.drifts if drift.low is not None and drift.high is not None
    ]
    for place, (low, high) in enumerate(spans):
        axes.axvspan(
            low, high, color=VERMILION, alpha=0.13, linewidth=0, label="drift" if place == 0 else None
        )
    axes.bar(
        edges[:-1],
        sketch.confidence_shares,
        width=1 / N_BINS,
        align="edge",
        color=BLUE,
        alpha=0.55,
        edgecolor="white",
        label="this batch",
    )
    if reference:
        axes.stairs(reference.confidence_shares, edges, color="black", linewidth=1.8, label="before")
    axes.set_xlim(0, 1)
    axes.grid(axis="y")
    in_percent(axes.xaxis)
    in_percent(axes.yaxis, decimals=None)
    axes.set_xlabel("confidence")
    axes.set_title("Share of predictions by confidence")


def _draw_labels(
    axes: Axes, sketch: Sketch, reference: Sketch | None, check: Check, labels: list[int]
) -> None:
    drifted = {drift.what for drift in check.drifts if drift.kind == "labels"}
    rows = np.arange(len(labels))[::-1]
    now = sketch.label_shares[labels]
    axes.barh(rows, now, height=0.62, color=BLUE, alpha=0.55)
    if reference:
        before = reference.label_shares[labels]
        axes.vlines(before, rows - 0.38, rows + 0.38, color="black", linewidth=2.2)
    axes.set_yticks(rows, [shortened(sketch.labels[column]) for column in labels])
    for text, column in zip(axes.get_yticklabels(), labels, strict=True):
        if sketch.labels[column] in drifted:
            text.set_color(VERMILION)
            text.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    in_percent(axes.xaxis, decimals=None)
    left_out = len(sketch.labels) - len(labels)
    axes.set_xlabel("share of predictions" + (f"; {left_out} labels not shown" if left_out else ""))
    axes.set_title("Predicted labels", color=VERMILION if drifted else "black")


def _shown_labels(sketch: Sketch, reference: Sketch | None, check: Check) -> list[int]:
    """Return columns in label-set order: those that drifted, then the largest."""
    drifted = {drift.what for drift in check.drifts if drift.kind == "labels"}
    size = np.maximum(sketch.label_shares, reference.label_shares if reference else 0)
    order = sorted(range(len(size)), key=lambda column: (sketch.labels[column] not in drifted, -size[column]))
    return sorted(order[:MOST_LABELS])
