"""Plots over rounds: accuracy of each role a model can have, lanes, and what rounds cost and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.core.lanes import lane_shares
from goldloop.costs.statement import Statement
from goldloop.reports.formatting import n_text, percent
from goldloop.reports.plots import style
from goldloop.reports.plots.style import BLUE, GREEN, GREY, ORANGE, VERMILION, draw_intervals, picture
from goldloop.stats.measures import Measure
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
    figure, axes = style.new_figure(7.6, 4.4)
    for place, (role, estimates) in enumerate(curves.items()):
        at = np.arange(len(rounds)) + 0.07 * (place - (len(curves) - 1) / 2)
        draw_intervals(axes, at, estimates, label=role, linewidth=2, **_LOOKS[role])
    known = [estimate for estimates in curves.values() for estimate in estimates if estimate is not None]
    names = [f"round {number}" for number in rounds]
    if labels_spent is not None:
        names = [f"{name}\n{n:,} answers" for name, n in zip(names, labels_spent, strict=True)]
    style.name_rounds(axes, names, most=MOST_NAMED)
    lowest = np.floor(10 * min((estimate.low for estimate in known), default=0.0)) / 10
    axes.set(ylim=(max(0.0, lowest), 1.005), ylabel="accuracy, 95 % interval")
    axes.set_title(f"{title} ({n_text([estimate.n for estimate in known])})")
    style.in_percent(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    if known:
        figure.legend(loc="outside lower center", ncols=len(curves))
    return figure


@picture
def lanes_plot(rounds: Sequence[int], lanes: Sequence[Mapping[str, int]]) -> Figure:
    """Return the share of the scored samples in each lane, one bar for each round that reaches 100 %."""
    figure, axes = style.new_figure(7.6, 3.9)
    shares = [lane_shares(counts) for counts in lanes]
    places, bottom = np.arange(len(rounds)), np.zeros(len(rounds))
    for lane, look in style.LANE_LOOKS.items():
        heights = np.array([share.get(lane, 0.0) for share in shares])
        hatched: dict[str, Any] = {"color": look.colour, "hatch": look.hatch, "edgecolor": "white"}
        axes.bar(places, heights, bottom=bottom, width=0.62, label=str(lane), linewidth=1, **hatched)
        for x, (share, base) in enumerate(zip(heights, bottom, strict=True)):
            if share >= LEAST_WRITTEN and len(rounds) <= MOST_WRITTEN:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                words = percent(share, 0)
                axes.text(x, base + share / 2, words, ha="center", va="center", fontsize=10, bbox=box)
        bottom += heights
    totals = [sum(counts.values()) for counts in lanes]
    names = [f"round {number}\n{total:,} samples" for number, total in zip(rounds, totals, strict=True)]
    style.name_rounds(axes, names, most=MOST_NAMED)
    title = f"Lanes after each round ({n_text(totals)})"
    axes.set(ylim=(0, 1), ylabel="share of scored samples", title=title)
    style.in_percent(axes.yaxis)
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


@picture
def spent_plot(accounts: Sequence[Statement]) -> Figure:
    """Return what annotators' time and wrong labels cost in each round, side by side."""
    figure, axes = _money_figure(accounts, "What each round cost")
    time, errors = [account.spent for account in accounts], [account.error_cost for account in accounts]
    _draw_bars(axes, -0.2, time, label="annotators' time", color=BLUE)
    _draw_bars(axes, 0.2, errors, label="wrong labels", color=ORANGE, hatch="///")
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@picture
def saved_plot(accounts: Sequence[Statement]) -> Figure:
    """Return what each round saved against labelling, and against accepting, everything; below 0: lost."""
    figure, axes = _money_figure(accounts, "What each round saved")
    line: dict[str, Any] = {"linestyle": "-", "linewidth": 1.6, "markersize": 5, "capsize": 3}
    ways = (
        ("labelling", -0.09, [account.saved_against_labelling for account in accounts], GREEN, "o"),
        ("accepting", 0.09, [account.saved_against_accepting for account in accounts], VERMILION, "s"),
    )
    for way, shift, saved, colour, marker in ways:
        look = line | {"label": f"against {way} everything", "color": colour, "marker": marker}
        draw_intervals(
            axes, np.arange(len(accounts)) + shift, [measure.estimate for measure in saved], **look
        )
    axes.axhline(0, color=GREY, linewidth=1)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _money_figure(accounts: Sequence[Statement], title: str) -> tuple[Figure, Axes]:
    figure, axes = style.new_figure(7.6, 3.9)
    style.name_rounds(axes, [str(account.rounds[0]) for account in accounts])
    axes.grid(axis="y")
    axes.set_xlabel("round; 95 % intervals; nothing is drawn where the amount is not known")
    axes.set(ylabel=accounts[0].currency if accounts else "", title=title)
    return figure, axes


def _draw_bars(axes: Axes, shift: float, measures: Sequence[Measure], **look: Any) -> None:
    places = np.arange(len(measures)) + shift
    estimates = [measure.estimate for measure in measures]
    heights = [0.0 if estimate is None else estimate.value for estimate in estimates]
    axes.bar(places, heights, width=0.38, edgecolor="white", **look)
    draw_intervals(axes, places, estimates, color="#333333", marker="none", capsize=3)
