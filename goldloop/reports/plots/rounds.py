"""Rounds: accuracy over rounds, a curve for each role a model can have, and the lanes after each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.core.lanes import lane_shares
from goldloop.reports.formatting import n_text, percent
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    LANE_LOOKS,
    VERMILION,
    in_percent,
    name_rounds,
    new_figure,
    picture,
)
from goldloop.stats.metrics import Estimate

ALL_TRAFFIC, RANDOM_LABELS = "all traffic", "random labels, same budget"
_LOOKS: dict[str, dict[str, Any]] = {
    "champion": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "baseline": {"color": GREY, "marker": "s", "linestyle": "--"},
    RANDOM_LABELS: {"color": VERMILION, "marker": "^", "linestyle": ":"},
    ALL_TRAFFIC: {"color": GREEN, "marker": "D", "linestyle": "-"},
}
LEAST_WRITTEN = 0.06  # share of a lane below which its bar has no room for the percentage
MOST_WRITTEN = 12  # rounds above which the bars are too narrow for percentages
MOST_NAMED = 5  # rounds that have their name, and a second line, below them


@picture
def accuracy_plot(
    rounds: Sequence[int],
    curves: Mapping[str, Sequence[Estimate | None]],
    *,
    title: str,
    labels_spent: Sequence[int] | None = None,
) -> Figure:
    """Return accuracy with 95 % intervals over the rounds; `labels_spent` stand below each round.

    `curves` holds an estimate per round by role ("champion", "baseline", `RANDOM_LABELS` or `ALL_TRAFFIC`),
    None where there was no such model. They are drawn a little apart, so that no interval hides another.
    """
    figure, axes = new_figure(7.6, 4.4)
    for place, (role, estimates) in enumerate(curves.items()):
        at = np.arange(len(rounds)) + 0.07 * (place - (len(curves) - 1) / 2)
        draw_intervals(axes, at, estimates, label=role, linewidth=2, **_LOOKS[role])
    known = [estimate for estimates in curves.values() for estimate in estimates if estimate is not None]
    names = [f"round {number}" for number in rounds]
    if labels_spent is not None:
        names = [f"{name}\n{n:,} answers" for name, n in zip(names, labels_spent, strict=True)]
    name_rounds(axes, names, most=MOST_NAMED)
    lowest = min((estimate.low for estimate in known), default=0.0)
    axes.set_ylim(max(0.0, np.floor(10 * lowest) / 10), 1.005)
    in_percent(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_ylabel("accuracy, 95 % interval")
    axes.grid(axis="y")
    axes.set_title(f"{title} ({n_text([estimate.n for estimate in known])})")
    if known:
        figure.legend(loc="outside lower center", ncols=len(curves))
    return figure


@picture
def lanes_plot(rounds: Sequence[int], lanes: Sequence[Mapping[str, int]]) -> Figure:
    """Return the share of the scored samples in each lane, one bar for each round that reaches 100 %."""
    figure, axes = new_figure(7.6, 3.9)
    shares = [lane_shares(counts) for counts in lanes]
    places, bottom = np.arange(len(rounds)), np.zeros(len(rounds))
    for lane, look in LANE_LOOKS.items():
        heights = np.array([share.get(lane, 0.0) for share in shares])
        style: dict[str, Any] = {
            "color": look.colour,
            "hatch": look.hatch,
            "edgecolor": "white",
            "linewidth": 1,
        }
        axes.bar(places, heights, bottom=bottom, width=0.62, label=str(lane), **style)
        for x, (share, base) in enumerate(zip(heights, bottom, strict=True)):
            if share >= LEAST_WRITTEN and len(rounds) <= MOST_WRITTEN:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                words = percent(share, 0)
                axes.text(x, base + share / 2, words, ha="center", va="center", fontsize=10, bbox=box)
        bottom += heights
    totals = [sum(counts.values()) for counts in lanes]
    names = [f"round {number}\n{total:,} samples" for number, total in zip(rounds, totals, strict=True)]
    name_rounds(axes, names, most=MOST_NAMED)
    axes.set_ylim(0, 1)
    in_percent(axes.yaxis)
    axes.set_ylabel("share of scored samples")
    axes.set_title(f"Lanes after each round ({n_text(totals)})")
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
