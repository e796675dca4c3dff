"""Lanes: where the samples are after each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from goldloop.core.lanes import lane_shares
from goldloop.reports.formatting import percent
from goldloop.reports.plots.style import LANE_LOOKS, in_percent, name_rounds, new_figure, picture

LEAST_WRITTEN = 0.06  # share of a lane below which its bar has no room for the percentage


@picture
def lanes_plot(rounds: Sequence[int], lanes: Sequence[Mapping[str, int]]) -> Figure:
    """Return the share of the scored samples in each lane, one bar for each round that reaches 100 %."""
    figure, axes = new_figure(7.6, 3.9)
    shares = [lane_shares(counts) for counts in lanes]
    bottom = np.zeros(len(rounds))
    for lane, look in LANE_LOOKS.items():
        heights = np.array([share.get(lane, 0.0) for share in shares])
        axes.bar(
            range(len(rounds)),
            heights,
            bottom=bottom,
            width=0.62,
            label=str(lane),
            color=look.colour,
            hatch=look.hatch,
            edgecolor="white",
            linewidth=1,
        )
        for x, (share, base) in enumerate(zip(heights, bottom, strict=True)):
            if share >= LEAST_WRITTEN and len(rounds) <= 12:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                words = percent(share, 0)
                axes.text(x, base + share / 2, words, ha="center", va="center", fontsize=10, bbox=box)
        bottom += heights
    totals = [sum(counts.values()) for counts in lanes]
    names = [f"round {number}\n{total:,} samples" for number, total in zip(rounds, totals, strict=True)]
    name_rounds(axes, names, most=6)
    axes.set_ylim(0, 1)
    in_percent(axes.yaxis)
    axes.set_ylabel("share of scored samples")
    axes.set_title(f"Lanes after each round (n={sum(totals):,} scores)")
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
