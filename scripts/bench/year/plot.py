"""The simulated year as a picture: truth and interval by round, what was flagged, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from goldloop.reports.plots.style import BLUE, GREY, ORANGE, STYLE, VERMILION, rendered
from scripts.bench.year.accounts import Round
from scripts.bench.year.people import CARELESS_ONE
from scripts.bench.year.world import APPEARANCE, CAMERA, CARELESS, N_CARELESS, SEASON

PLANTED = (
    (SEASON, SEASON, "season\nchanges"),
    (APPEARANCE, APPEARANCE, "label\nappears"),
    (CAMERA, CAMERA, "camera\nbreaks"),
    (CARELESS, CARELESS + N_CARELESS - 1, "careless\nannotator"),
)


def year_plot(cost: Sequence[Round], band: Sequence[Round], *, seed: int) -> bytes:
    """Return the year of the cost policy, and its cost beside the band's, as SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.5, 6.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_accuracy(above, cost)
        _draw_cost(below, cost, band)
        for axes in (above, below):
            for first, last, _ in PLANTED:
                axes.axvspan(first - 0.5, last + 0.5, color=GREY, alpha=0.15, linewidth=0)
            axes.grid(axis="y", color="#DDDDDD")
        above.set_title(f"A simulated year: accuracy on each round's traffic (seed {seed})")
        below.set_xlabel("round; shaded: planted changes")
        below.set_xlim(0, len(cost) + 1)
        return rendered(figure, "svg")


def _draw_accuracy(axes: Axes, rounds: Sequence[Round]) -> None:
    known = [(record.number, record.estimate) for record in rounds if record.estimate is not None]
    values = np.array([estimate.value for _, estimate in known])
    low, high = np.array([(estimate.low, estimate.high) for _, estimate in known]).T
    axes.errorbar(
        [number for number, _ in known],
        values,
        yerr=[values - low, high - values],
        fmt="o",
        color=BLUE,
        markersize=4,
        elinewidth=1.3,
        label="reported, 95 % interval",
    )
    numbers, truth = [record.number for record in rounds], [record.truth for record in rounds]
    axes.plot(numbers, truth, color=ORANGE, marker="D", markersize=3.5, linewidth=1.4, label="true")
    least = float(low.min())
    drifts = [record.number for record in rounds if record.check.drifts]
    axes.plot(drifts, [least - 0.02] * len(drifts), "^", color=VERMILION, markersize=8, label="drift flagged")
    weeks = [record.number for record in rounds if CARELESS_ONE in record.flagged]
    name = "careless annotator flagged"
    axes.plot(weeks, [least - 0.05] * len(weeks), "s", color=GREY, markersize=6, label=name)
    axes.set_ylim(least - 0.075, 1.06)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("accuracy of the model")
    for first, last, name in PLANTED:
        axes.text((first + last) / 2, 1.055, name, ha="center", va="top", fontsize=9, color="#444444")
    axes.legend(loc="lower left", ncols=2, fontsize=9, bbox_to_anchor=(0.0, 0.08))


def _draw_cost(axes: Axes, cost: Sequence[Round], band: Sequence[Round]) -> None:
    for rounds, name, colour, line in ((band, "band", ORANGE, "--"), (cost, "cost", BLUE, "-")):
        numbers = [record.number for record in rounds]
        spent, lost = (np.cumsum([getattr(record, part) for record in rounds]) for part in ("spent", "lost"))
        both, alone = f"{name} policy: people and wrong labels", f"{name} policy: people alone"
        axes.plot(numbers, spent + lost, color=colour, linestyle=line, linewidth=2, label=both)
        axes.plot(numbers, spent, color=colour, linestyle=line, linewidth=1, alpha=0.6, label=alone)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("EUR since the start")
    axes.legend(loc="upper left", fontsize=9)
