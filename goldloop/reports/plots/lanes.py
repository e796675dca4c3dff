"""Lanes: where the samples are after each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import PercentFormatter

from goldloop.reports.plots.style import BLUE, GREY, ORANGE, STYLE, Format, new_figure, rendered

LANES = {"auto": (BLUE, ""), "review": (ORANGE, "///"), "hold": (GREY, "...")}


def lanes_plot(rounds: Sequence[int], lanes: Sequence[Mapping[str, int]], *, kind: Format = "svg") -> bytes:
    """Return the share of the scored samples in each lane, one bar for each round."""
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 3.9)
        totals = np.array([sum(counts.values()) for counts in lanes])
        bottom = np.zeros(len(rounds))
        for name, (colour, hatch) in LANES.items():
            shares = np.array([counts.get(name, 0) for counts in lanes]) / np.maximum(totals, 1)
            axes.bar(
                range(len(rounds)),
                shares,
                bottom=bottom,
                width=0.62,
                label=name,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=1,
            )
            for x, (share, base) in enumerate(zip(shares, bottom, strict=True)):
                if share >= 0.06:
                    axes.text(
                        x,
                        base + share / 2,
                        f"{share:.0%}",
                        ha="center",
                        va="center",
                        fontsize=10,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
                    )
            bottom += shares
        names = [f"round {number}\n{total:,} samples" for number, total in zip(rounds, totals, strict=True)]
        axes.set_xticks(range(len(rounds)), names)
        axes.set_xlim(-0.6, max(len(rounds), 1) - 0.4)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylabel("share of scored samples")
        axes.set_title(f"Lanes after each round (n={totals.sum():,} scores)")
        handles, texts = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return rendered(figure, kind)
