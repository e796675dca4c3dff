"""Estimates with their 95 % intervals: the one way in which all plots draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from goldloop.reports.plots.style import BLUE
from goldloop.stats.metrics import Estimate


def draw_intervals(
    axes: Axes,
    places: Iterable[float],
    estimates: Sequence[Estimate | None],
    *,
    is_sideways: bool = False,
    **look: Any,
) -> None:
    """Draw a marker and an interval at each place; nothing where the estimate is None.

    `places` lie on the x axis, or on the y axis if `is_sideways`. `look` is passed to `Axes.errorbar`.
    """
    known = [
        (place, estimate) for place, estimate in zip(places, estimates, strict=True) if estimate is not None
    ]
    if not known:
        return
    at = [place for place, _ in known]
    values = [estimate.value for _, estimate in known]
    arms = np.array([[mean.value - mean.low, mean.high - mean.value] for _, mean in known]).T
    style: dict[str, Any] = {
        "linestyle": "none",
        "marker": "o",
        "markersize": 7,
        "capsize": 4,
        "elinewidth": 1.4,
    } | look
    if is_sideways:
        axes.errorbar(values, at, xerr=arms, **style)
    else:
        axes.errorbar(at, values, yerr=arms, **style)


def draw_band(axes: Axes, places: Sequence[float], estimates: Sequence[Estimate], *, label: str) -> None:
    """Draw a line through the estimates and their intervals as a shaded band."""
    low, high = [estimate.low for estimate in estimates], [estimate.high for estimate in estimates]
    axes.fill_between(places, low, high, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(places, [estimate.value for estimate in estimates], color=BLUE, linewidth=1.8, label=label)
