"""Accuracy over rounds: a curve for each role a model can have, and one for all traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from goldloop.reports.formatting import n_text
from goldloop.reports.plots.intervals import draw_intervals
from goldloop.reports.plots.style import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    Picture,
    in_percent,
    name_rounds,
    new_figure,
    picture,
)
from goldloop.stats.metrics import Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the accuracy plot: an estimate per round, None where there was no such model."""

    name: str
    estimates: Sequence[Estimate | None]
    colour: str
    marker: str
    line: str


def champion_curve(estimates: Sequence[Estimate | None]) -> Curve:
    """Return the curve of the model that scores after each round."""
    return Curve("champion", estimates, BLUE, "o", "-")


def baseline_curve(estimates: Sequence[Estimate | None]) -> Curve:
    """Return the curve of the fixed reference."""
    return Curve("baseline", estimates, GREY, "s", "--")


def random_labels_curve(estimates: Sequence[Estimate | None]) -> Curve:
    """Return the curve of models trained on randomly chosen labels at the same budget."""
    return Curve("random labels, same budget", estimates, VERMILION, "^", ":")


@picture
def accuracy_plot(
    rounds: Sequence[int],
    curves: Sequence[Curve],
    *,
    split: str,
    labels_spent: Sequence[int] | None = None,
    title: str | None = None,
) -> Figure:
    """Return accuracy with 95 % intervals over the rounds; `labels_spent` stand below each round.

    The curves stand a little beside each other, so that no interval hides another.
    """
    figure, axes = new_figure(7.6, 4.4)
    for place, curve in enumerate(curves):
        shift = 0.07 * (place - (len(curves) - 1) / 2)
        draw_intervals(
            axes,
            np.arange(len(rounds)) + shift,
            curve.estimates,
            label=curve.name,
            color=curve.colour,
            marker=curve.marker,
            linestyle=curve.line,
            linewidth=2,
        )
    known = [estimate for curve in curves for estimate in curve.estimates if estimate is not None]
    names = [f"round {number}" for number in rounds]
    if labels_spent is not None:
        names = [f"{name}\n{n:,} answers" for name, n in zip(names, labels_spent, strict=True)]
    name_rounds(axes, names, most=6)
    lowest = min((estimate.low for estimate in known), default=0.0)
    axes.set_ylim(max(0.0, np.floor(10 * lowest) / 10), 1.005)
    in_percent(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_ylabel("accuracy, 95 % interval")
    axes.grid(axis="y")
    sizes = [estimate.n for estimate in known]
    axes.set_title(f"{title or f'Accuracy on the {split} split'} ({n_text(sizes)})")
    if known:
        figure.legend(loc="outside lower center", ncols=len(curves))
    return figure


def traffic_plot(by_round: Mapping[int, Estimate | None]) -> Picture:
    """Return the accuracy over all traffic with 95 % intervals, over the rounds that have enough audits."""
    known = {number: by_round[number] for number in sorted(by_round) if by_round[number] is not None}
    curve = Curve("all traffic", list(known.values()), GREEN, "D", "-")
    return accuracy_plot(list(known), [curve], split="audit", title="Accuracy over all traffic")
