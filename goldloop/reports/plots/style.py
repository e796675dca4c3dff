"""What all plots share: colours that colour-blind eyes tell apart, lazy pictures, and intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from goldloop.core.lanes import Lane
from goldloop.reports.section import Format, Picture
from goldloop.stats.metrics import Estimate

P = ParamSpec("P")

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6E6E6E"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a label may hold dollar signs
    "svg.fonttype": "path",
    "svg.hashsalt": "goldloop",  # the same figure gives the same bytes
}
MARKER: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 7,
    "capsize": 4,
    "elinewidth": 1.4,
}


@dataclass(frozen=True, slots=True)
class LaneLook:
    """The colour of a lane on white and on a dark page, and its hatch in plots."""

    colour: str
    dark_colour: str
    hatch: str


LANE_LOOKS = {
    Lane.AUTO: LaneLook(BLUE, "#4AA8DC", ""),
    Lane.REVIEW: LaneLook(ORANGE, "#F0B429", "///"),
    Lane.FULL: LaneLook(VERMILION, "#FF8C42", "xxx"),
    Lane.HOLD: LaneLook(GREY, "#9A9A9A", "..."),
}

LABEL_COLOURS = (
    (BLUE, "#4AA8DC"),
    (ORANGE, "#F0B429"),
    (GREEN, "#3ECF9B"),
    ("#CC79A7", "#E9A6CB"),
    (VERMILION, "#FF8C42"),
    ("#56B4E9", "#A9DCF7"),
)
"""Colours of labels on white and on a dark page; a shape beside the colour tells labels apart as well."""


def picture(draw: Callable[P, Figure]) -> Callable[P, Picture]:
    """Make `draw`, which returns a figure, return a picture that draws it in the style of all plots."""

    @wraps(draw)
    def pictured(*args: P.args, **kwargs: P.kwargs) -> Picture:
        def drawn(kind: Format) -> bytes:
            with mpl.rc_context(STYLE):
                return rendered(draw(*args, **kwargs), kind)

        return drawn

    return pictured


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure in inches with its axes; pyplot, which keeps every figure alive, is not used."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def rendered(figure: Figure, kind: Format) -> bytes:
    """Return the figure as the bytes of a file; the same figure gives the same bytes."""
    buffer = BytesIO()
    dated = {"Date": None} if kind == "svg" else None
    with warnings.catch_warnings():
        # The font lacks some scripts and draws boxes for them; the tables beside the plot hold the label.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        figure.savefig(buffer, format=kind, dpi=150, facecolor="white", metadata=dated)
    return buffer.getvalue()


def draw_intervals(
    axes: Axes,
    places: Iterable[float],
    estimates: Sequence[Estimate | None],
    *,
    is_sideways: bool = False,
    **look: Any,
) -> None:
    """Draw a marker and a 95 % interval at each place; nothing where the estimate is None.

    `places` lie on the x axis, or on the y axis if `is_sideways`. `look` is passed to `Axes.errorbar`.
    """
    known = [(at, estimate) for at, estimate in zip(places, estimates, strict=True) if estimate is not None]
    if not known:
        return
    values = [estimate.value for _, estimate in known]
    arms = np.array([[mean.value - mean.low, mean.high - mean.value] for _, mean in known]).T
    if is_sideways:
        axes.errorbar(values, [at for at, _ in known], xerr=arms, **(MARKER | look))
    else:
        axes.errorbar([at for at, _ in known], values, yerr=arms, **(MARKER | look))


def draw_band(axes: Axes, places: Sequence[float], estimates: Sequence[Estimate], *, label: str) -> None:
    """Draw a line through the estimates and their intervals as a shaded band."""
    low, high = [estimate.low for estimate in estimates], [estimate.high for estimate in estimates]
    axes.fill_between(places, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(places, [estimate.value for estimate in estimates], color=BLUE, linewidth=1.8, label=label)


def in_percent(*axes: Axis, decimals: int | None = 0) -> None:
    """Write the values of these axes, shares in [0, 1], as percentages."""
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))


def emphasise(names: Iterable[Text], is_marked: Iterable[bool]) -> None:
    """Write the names on an axis that are marked in bold red."""
    for name, is_this in zip(names, is_marked, strict=True):
        if is_this:
            name.set(color=VERMILION, fontweight="bold")


def name_rounds(axes: Axes, names: list[str], *, most: int = 12) -> None:
    """Write `names` below the rounds, which stand at 0, 1, ...; of more than `most` only some, evenly."""
    step = max(1, -(-len(names) // most))
    places = range(0, len(names), step)
    axes.set_xticks(places, [names[place] for place in places])
    axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
