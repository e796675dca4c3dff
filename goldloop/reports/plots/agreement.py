"""Agreement: Cohen's kappa of every pair of annotators as a heat map."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from goldloop.annotators.agreement import Agreement
from goldloop.reports.plots.style import GREY, STYLE, Format, n_text, new_figure, rendered


def kappa_plot(agreement: Agreement, *, kind: Format = "svg") -> bytes:
    """Return the kappa and the shared samples of each pair, at least one of them."""
    names = sorted(
        {name for one in agreement.pairs for name in (one.first, one.second)},
        key=lambda name: (len(name), name),
    )
    place = {name: number for number, name in enumerate(names)}
    size = float(np.clip(2.6 + 0.62 * len(names), 4.6, 12))
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(size + 1.4, size)
        values = np.full((len(names), len(names)), np.nan)
        for one in agreement.pairs:
            row, column = place[one.second], place[one.first]
            found = one.kappa.estimate
            if found is not None:
                values[row, column] = found.value
            words = f"{found.value:z.2f}".replace("-", "\N{MINUS SIGN}") if found else "–"
            ink = "white" if found and found.value > 0.6 else ("black" if found else GREY)
            axes.text(column, row, f"{words}\n", ha="center", va="center", color=ink, fontsize=11)
            axes.text(column, row, f"\nn={one.kappa.n}", ha="center", va="center", color=ink, fontsize=8)
        image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axes.set_facecolor("white")
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
        sizes = [one.kappa.n for one in agreement.pairs]
        axes.set_title(f"Kappa of pairs ({n_text(sizes)})", pad=14)
        return rendered(figure, kind)
