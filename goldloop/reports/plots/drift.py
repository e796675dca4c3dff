"""Drift: a batch beside what the same model saw before, with what drifted marked."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.drift.checks import Check
from goldloop.drift.sketches import N_BINS, Sketch
from goldloop.reports.formatting import number, shortened
from goldloop.reports.plots.style import BLUE, VERMILION, emphasise, in_percent, picture

MOST_LABELS = 15  # labels with a bar of their own; the others moved less
BARS: dict[str, Any] = {"color": BLUE, "alpha": 0.55}


@picture
def batch_plot(sketch: Sketch, reference: Sketch | None, check: Check) -> Figure:
    """Return confidence and predicted labels of a batch of one prediction or more, before and now."""
    drifted = {drift.what for drift in check.drifts if drift.kind == "labels"}
    labels = _shown_labels(sketch, reference, drifted)
    figure = Figure(figsize=(11, max(3.9, 1.9 + 0.32 * len(labels))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _draw_confidence(left, sketch, reference, check)
    _draw_labels(right, sketch, reference, drifted, labels)
    n_before = reference.n if reference else 0
    title = f"This batch (n={sketch.n:,}) beside what came before (n={n_before:,}): {_outcome(check)}"
    colour = VERMILION if check.drifts else "black"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12, color=colour)
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
        label = "drift" if place == 0 else None
        axes.axvspan(low, high, color=VERMILION, alpha=0.13, linewidth=0, label=label)
    now = sketch.confidence_shares
    axes.bar(edges[:-1], now, width=1 / N_BINS, align="edge", edgecolor="white", label="this batch", **BARS)
    if reference:
        axes.stairs(reference.confidence_shares, edges, color="black", linewidth=1.8, label="before")
    axes.set(xlim=(0, 1), xlabel="confidence", title="Share of predictions by confidence")
    axes.grid(axis="y")
    in_percent(axes.xaxis)
    in_percent(axes.yaxis, decimals=None)


def _draw_labels(
    axes: Axes, sketch: Sketch, reference: Sketch | None, drifted: set[str], labels: list[int]
) -> None:
    rows = np.arange(len(labels))[::-1]
    axes.barh(rows, sketch.label_shares[labels], height=0.62, **BARS)
    if reference:
        before = reference.label_shares[labels]
        axes.vlines(before, rows - 0.38, rows + 0.38, color="black", linewidth=2.2)
    axes.set_yticks(rows, [shortened(sketch.labels[column]) for column in labels])
    emphasise(axes.get_yticklabels(), [sketch.labels[column] in drifted for column in labels])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    left_out = len(sketch.labels) - len(labels)
    words = "share of predictions" + (f"; {left_out} labels not shown" if left_out else "")
    axes.set(xlim=(0, None), xlabel=words)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    in_percent(axes.xaxis, decimals=None)
    axes.set_title("Predicted labels", color=VERMILION if drifted else "black")


def _shown_labels(sketch: Sketch, reference: Sketch | None, drifted: set[str]) -> list[int]:
    """Return columns in label-set order: those that drifted, then the largest."""
    size = np.maximum(sketch.label_shares, reference.label_shares if reference else 0)
    order = sorted(range(len(size)), key=lambda column: (sketch.labels[column] not in drifted, -size[column]))
    return sorted(order[:MOST_LABELS])
