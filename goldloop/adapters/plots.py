"""Plots as bytes: readable at a glance, safe for colour-blind eyes, no state left behind.

Every title says the split and n. Colours are those of [wong2011]; what they mean is also said by marker,
line style or words. Lines and text of SVGs are plain SVG, so a browser scales them without loss.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from goldloop.calibration import ReliabilityBin, reliability_bins
from goldloop.labels import LabelSet
from goldloop.metrics import Estimate
from goldloop.promotion import Evaluation

Format = Literal["svg", "png"]

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6E6E6E"
LANES = {"auto": (BLUE, ""), "review": (ORANGE, "///"), "hold": (GREY, "...")}
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
MOST_CELLS_WITH_COUNTS = 20  # labels up to which a confusion matrix has room for its counts
FEW_LABELS = 8  # labels up to which their names fit under the columns without turning


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
    kind: Format = "svg",
) -> bytes:
    """Return accuracy with 95 % intervals over the rounds; `labels_spent` stand below each round.

    The curves are set beside each other by a little, so that no interval hides another.
    """
    with mpl.rc_context(STYLE):
        figure, axes = _figure(7.6, 4.4)
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
            names = [f"{name}\n{n:,} labels" for name, n in zip(names, labels_spent, strict=True)]
        axes.set_xticks(range(len(rounds)), names)
        axes.set_xlim(-0.5, len(rounds) - 0.5)
        axes.set_ylim(max(0.0, np.floor(10 * min(lows, default=0.0)) / 10), 1.005)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.set_ylabel("accuracy, 95 % interval")
        axes.grid(axis="y", color="#DDDDDD")
        axes.set_title(f"Accuracy on the {split} split ({_n_text(sizes)})")
        if sizes:
            figure.legend(loc="outside lower center", ncols=len(curves))
        return _rendered(figure, kind)


def lanes_plot(rounds: Sequence[int], lanes: Sequence[Mapping[str, int]], *, kind: Format = "svg") -> bytes:
    """Return the share of the scored samples in each lane, one bar for each round."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(7.6, 3.9)
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
        return _rendered(figure, kind)


def confusion_plot(evaluation: Evaluation, *, kind: Format = "svg") -> bytes:
    """Return the confusion matrix: shaded by the share of a row, with counts while they are readable."""
    names = [_shortened(one.label) for one in evaluation.per_label]
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(1.9 + 0.52 * len(names), 4.2, 14))
    with mpl.rc_context(STYLE):
        figure, axes = _figure(size + 1.1, size)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names)
        if max(map(len, names)) > (8 if len(names) <= FEW_LABELS else 3):
            axes.tick_params(axis="x", rotation=45)
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if len(names) <= MOST_CELLS_WITH_COUNTS:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    ink = "white" if shares[row, column] > 0.55 else "black"
                    axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=10)
        bar = figure.colorbar(
            image, ax=axes, fraction=0.045, pad=0.03, format=PercentFormatter(1.0, decimals=0)
        )
        bar.set_label("share of the true label")
        bar.outline.set_visible(False)
        axes.set_title(f"Confusion, {evaluation.split} (n={evaluation.n:,})")
        return _rendered(figure, kind)


def reliability_plot(
    bins: Sequence[ReliabilityBin], *, split: str, ece: float, kind: Format = "svg"
) -> bytes:
    """Return accuracy against confidence with intervals, above the number of samples in each bin."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 5.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.4, label="perfectly calibrated")
        confidence = np.array([one.mean_confidence for one in bins])
        values = np.array([one.accuracy.value for one in bins])
        errors = np.array(
            [[one.accuracy.value - one.accuracy.low, one.accuracy.high - one.accuracy.value] for one in bins]
        ).reshape(len(bins), 2)
        upper.errorbar(
            confidence,
            values,
            yerr=errors.T,
            color=BLUE,
            marker="o",
            linestyle="none",
            capsize=4,
            markersize=7,
            elinewidth=1.4,
            label="accuracy, 95 % interval",
        )
        total = sum(one.n for one in bins)
        upper.set_title(f"Reliability, {split} (n={total:,}, calibration error {ece:.3f})")
        upper.set_ylabel("accuracy")
        upper.set_xlim(0, 1)
        upper.set_ylim(-0.02, 1.02)
        upper.grid(color="#DDDDDD")
        upper.legend(loc="upper left")
        heights = [one.n for one in bins]
        bars = lower.bar(
            [one.low for one in bins],
            heights,
            width=[one.high - one.low for one in bins],
            align="edge",
            color=ORANGE,
            edgecolor="white",
        )
        lower.bar_label(bars, labels=[f"{n:,}" for n in heights], fontsize=8, padding=1)
        lower.margins(y=0.25)
        lower.set_ylabel("samples")
        lower.set_xlabel("confidence")
        for axes in (upper, lower):
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        upper.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        return _rendered(figure, kind)


def retrain_plots(
    evaluations: Mapping[str, Evaluation],
    probs: npt.NDArray[np.float64],
    truth: npt.NDArray[np.intp],
    _labels: LabelSet,
) -> dict[str, bytes]:
    """Return the files that stand beside a retrain's figures: the challenger's confusion and reliability.

    `evaluations` are by role; `probs` (n, n_labels) and `truth` (n,) are the challenger's on the same split.
    """
    judged = evaluations["challenger"]
    bins = reliability_bins(probs, truth)
    files: dict[str, bytes] = {}
    kinds: tuple[Format, ...] = ("png", "svg")
    for kind in kinds:
        files[f"plots/confusion.{kind}"] = confusion_plot(judged, kind=kind)
        files[f"plots/reliability.{kind}"] = reliability_plot(
            bins, split=judged.split, ece=judged.ece, kind=kind
        )
    return files


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of its own, in inches; pyplot, which keeps every figure alive, is not used."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _rendered(figure: Figure, kind: Format) -> bytes:
    buffer = BytesIO()
    dated = {"Date": None} if kind == "svg" else None
    with warnings.catch_warnings():
        # A label in a script the font lacks is drawn as boxes; the tables beside the plot spell it out.
        warnings.filterwarnings("ignore", r"Glyph \d+")
        figure.savefig(buffer, format=kind, dpi=150, facecolor="white", metadata=dated)
    return buffer.getvalue()


def _n_text(sizes: Sequence[int]) -> str:
    if not sizes:
        return "nothing judged yet"
    low, high = min(sizes), max(sizes)
    return f"n={low:,}" if low == high else f"n={low:,} to {high:,}"


def _shortened(label: str, limit: int = 18) -> str:
    return label if len(label) <= limit else f"{label[: limit - 1]}…"
