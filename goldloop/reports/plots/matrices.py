"""Matrices as heat maps: what a model confuses, and how far pairs of annotators agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from goldloop.annotators.agreement import Agreement
from goldloop.reports.formatting import NOTHING, n_text, number, shortened
from goldloop.reports.plots.style import GREY, in_percent, new_figure, picture
from goldloop.training.promotion import Evaluation

MOST_CELLS_WITH_COUNTS = 20  # labels up to which a confusion matrix has room for its counts
FEW_LABELS = 8  # labels up to which their names fit under the columns without turning
DARK = 0.57  # value from which on white ink is easier to read


@picture
def confusion_plot(evaluation: Evaluation) -> Figure:
    """Return the confusion matrix: shaded by the share of a row, with counts while they are readable."""
    names = [shortened(metrics.label) for metrics in evaluation.per_label]
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(1.9 + 0.52 * len(names), 4.2, 14))
    figure, axes = new_figure(size + 1.1, size)
    bar = _draw_matrix(axes, shares, names, sides=("predicted", "true"), scale="share of the true label")
    in_percent(bar.ax.yaxis)
    if max(map(len, names)) > (8 if len(names) <= FEW_LABELS else 3):
        axes.tick_params(axis="x", rotation=45)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right")
    if len(names) <= MOST_CELLS_WITH_COUNTS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                _write(axes, row, column, f"{count:,}", shares[row, column])
    axes.set_title(f"Confusion, {evaluation.split} (n={evaluation.n:,})")
    return figure


@picture
def kappa_plot(agreement: Agreement) -> Figure:
    """Return the kappa and the shared samples of each pair of annotators, at least one of them."""
    named = {name for pair in agreement.pairs for name in (pair.first, pair.second)}
    names = sorted(named, key=lambda name: (len(name), name))
    size = float(np.clip(2.6 + 0.62 * len(names), 4.6, 12))
    figure, axes = new_figure(size + 1.4, size)
    values = np.full((len(names), len(names)), np.nan)
    for pair in agreement.pairs:
        row, column, kappa = names.index(pair.second), names.index(pair.first), pair.kappa.estimate
        values[row, column] = np.nan if kappa is None else kappa.value
        words = number(kappa.value, 2) if kappa else NOTHING
        _write(axes, row, column, f"{words}\n", values[row, column], size=11)
        _write(axes, row, column, f"\nn={pair.kappa.n:,}", values[row, column], size=8)
    _draw_matrix(axes, values, names, sides=("annotator", "annotator"), scale="0: chance, 1: perfect")
    shown = max(len(names) - 1, 1)
    axes.set(xlim=(-0.5, shown - 0.5), ylim=(shown + 0.5, 0.5))
    axes.set_title(f"Kappa of pairs ({n_text([pair.kappa.n for pair in agreement.pairs])})", pad=14)
    return figure


def _draw_matrix(
    axes: Axes, values: npt.NDArray[np.float64], names: Sequence[str], *, sides: tuple[str, str], scale: str
) -> Colorbar:
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=sides[0], ylabel=sides[1])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03)
    bar.set_label(scale)
    bar.outline.set_visible(False)
    return bar


def _write(axes: Axes, row: int, column: int, words: str, value: float, *, size: int = 10) -> None:
    ink = GREY if np.isnan(value) else "white" if value > DARK else "black"
    axes.text(column, row, words, ha="center", va="center", color=ink, fontsize=size)
