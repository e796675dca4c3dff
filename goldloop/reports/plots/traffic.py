"""Traffic: how often the machine was right about everything that came in, round by round."""

from __future__ import annotations

from collections.abc import Mapping

from goldloop.reports.plots.accuracy import Curve, accuracy_plot
from goldloop.reports.plots.style import GREEN, Format
from goldloop.stats.metrics import Estimate


def traffic_plot(by_round: Mapping[int, Estimate | None], *, kind: Format = "svg") -> bytes:
    """Return the accuracy over all traffic with 95 % intervals over the rounds that have any audit."""
    rounds = sorted(number for number, one in by_round.items() if one is not None)
    curve = Curve("all traffic", [by_round[number] for number in rounds], GREEN, "D", "-")
    return accuracy_plot(rounds, [curve], split="audit", title="Accuracy over all traffic", kind=kind)
