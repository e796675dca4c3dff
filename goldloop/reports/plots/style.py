"""What all plots share: colours that colour-blind eyes tell apart, a figure of its own, bytes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Format = Literal["svg", "png"]

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
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a label may hold dollar signs
    "svg.fonttype": "path",
    "svg.hashsalt": "goldloop",  # the same figure gives the same bytes
}


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture of a plot with the sentence that says what it shows."""

    caption: str
    image: bytes


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of its own, in inches; pyplot, which keeps every figure alive, is not used."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def rendered(figure: Figure, kind: Format) -> bytes:
    """Return the figure as the bytes of a file; the same figure gives the same bytes."""
    buffer = BytesIO()
    dated = {"Date": None} if kind == "svg" else None
    with warnings.catch_warnings():
        # A label in a script the font lacks is drawn as boxes; the tables beside the plot spell it out.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        figure.savefig(buffer, format=kind, dpi=150, facecolor="white", metadata=dated)
    return buffer.getvalue()


def n_text(sizes: Sequence[int]) -> str:
    """Return for example 'n=20 to 400'."""
    if not sizes:
        return "nothing judged yet"
    low, high = min(sizes), max(sizes)
    return f"n={low:,}" if low == high else f"n={low:,} to {high:,}"


def shortened(label: str, limit: int = 18) -> str:
    """Return `label` with at most `limit` characters, an ellipsis in place of the rest."""
    return label if len(label) <= limit else f"{label[: limit - 1]}…"
