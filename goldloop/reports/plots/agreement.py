"""Agreement: Cohen's kappa of every pair of annotators as a heat map."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from goldloop.annotators.agreement import Agreement
from goldloop.reports.formatting import NOTHING, n_text, number
from goldloop.reports.plots.style import GREY, new_figure, picture


@picture
def kappa_plot(agreement: Agreement) -> Figure:
    """Return the kappa and the shared samples of each pair, at least one of them."""
    names = sorted(
        {name for pair in agreement.pairs for name in (pair.first, pair.second)},
        key=lambda name: (len(name), name),
    )
    place = {name: number for number, name in enumerate(names)}
    size = float(np.clip(2.6 + 0.62 * len(names), 4.6, 12))
    figure, axes = new_figure(size + 1.4, size)
    values = np.full((len(names), len(names)), np.nan)
    for pair in agreement.pairs:
        row, column = place[pair.second], place[pair.first]
        kappa = pair.kappa.estimate
        ink = GREY
        if kappa is not None:
            values[row, column] = kappa.value
            ink = "white" if kappa.value > 0.6 else "black"
        words = number(kappa.value, 2) if kappa else NOTHING
        axes.text(column, row, f"{words}\n", ha="center", va="center", color=ink, fontsize=11)
        axes.text(column, row, f"\nn={pair.kappa.n:,}", ha="center", va="center", color=ink, fontsize=8)
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    shown = max(len(names) - 1, 1)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.5, shown - 0.5)
    axes.set_ylim(shown + 0.5, 0.5)
    axes.set_xlabel("annotator")
    axes.set_ylabel("annotator")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    colours = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03)
    colours.set_label("0: chance, 1: perfect")
    colours.outline.set_visible(False)
    axes.set_title(f"Kappa of pairs ({n_text([pair.kappa.n for pair in agreement.pairs])})", pad=14)
    return figure
