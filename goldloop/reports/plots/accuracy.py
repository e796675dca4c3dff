"""Accuracy over rounds: a curve for each role a model can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.reports.plots.style import BLUE, GREY, STYLE, VERMILION, Format, n_text, new_figure, rendered
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


def accuracy_plot(
    rounds: Sequence[int],
    curves: Sequence[Curve],
    *,
    split: str,
    labels_spent: Sequence[int] | None = None,
    title: str | None = None,
    kind: Format = "svg",
) -> bytes:
    """Return accuracy with 95 % intervals over the rounds; `labels_spent` stand below each round.

    The curves are set beside each other by a little, so that no interval hides another.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(7.6, 4.4)
        sizes = []
        lows = []
        for place, curve in enumerate(curves):
            there = [(x, one) for x, one in enumerate(curve.estimates) if one is not None]
            if not there:
                continue
            shift = 0.07 * (place - (len(curves) - 1) / 2)
            xs = np.array([x for x, _ in there]) + shift
            values = np.array([one.value for _, one in there])
            below = values - [one.low for _, one in there]
            above = np.array([one.high for _, one in there]) - values
            axes.errorbar(
                xs,
                values,
                yerr=np.vstack([below, above]),
                label=curve.name,
                color=curve.colour,
                marker=curve.marker,
                linestyle=curve.line,
                capsize=4,
                linewidth=2,
                elinewidth=1.4,
                markersize=7,
            )
            sizes += [one.n for _, one in there]
            lows += [one.low for _, one in there]
        names = [f"round {number}" for number in rounds]
        if labels_spent is not None:
            names = [f"{name}\n{n:,} answers" for name, n in zip(names, labels_spent, strict=True)]
        axes.set_xticks(range(len(rounds)), names)
        axes.set_xlim(-0.5, len(rounds) - 0.5)
        axes.set_ylim(max(0.0, np.floor(10 * min(lows, default=0.0)) / 10), 1.005)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.set_ylabel("accuracy, 95 % interval")
        axes.grid(axis="y", color="#DDDDDD")
        axes.set_title(f"{title or f'Accuracy on the {split} split'} ({n_text(sizes)})")
        if sizes:
            figure.legend(loc="outside lower center", ncols=len(curves))
        return rendered(figure, kind)
