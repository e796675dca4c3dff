"""What all plots share: colours that colour-blind eyes tell apart, the look of the lanes, lazy pictures."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from io import BytesIO
from typing import Any, Literal, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from goldloop.core.lanes import Lane

Format = Literal["svg", "png"]
P = ParamSpec("P")

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6E6E6E"
GRID = "#DDDDDD"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a label may hold dollar signs
    "svg.fonttype": "path",
    "svg.hashsalt": "goldloop",  # the same figure gives the same bytes
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


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that is drawn when it is called, as the bytes of a file of that kind."""

    draw: Callable[[], Figure]

    def __call__(self, kind: Format = "svg") -> bytes:
        """Return the figure as SVG or PNG; the same values give the same bytes."""
        with mpl.rc_context(STYLE):
            return rendered(self.draw(), kind)


def picture(draw: Callable[P, Figure]) -> Callable[P, Picture]:
    """Make `draw`, which returns a figure, return a picture that draws it in the style of all plots."""

    @wraps(draw)
    def lazy(*args: P.args, **kwargs: P.kwargs) -> Picture:
        return Picture(partial(draw, *args, **kwargs))

    return lazy


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


def in_percent(*axes: Axis, decimals: int | None = 0) -> None:
    """Write the values of these axes, shares in [0, 1], as percentages."""
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))


def name_rounds(axes: Axes, names: list[str], *, most: int = 12) -> None:
    """Write `names` below the rounds, which stand at 0, 1, ...; of more than `most` only some, evenly."""
    step = max(1, -(-len(names) // most))
    places = range(0, len(names), step)
    axes.set_xticks(places, [names[place] for place in places])
    axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
