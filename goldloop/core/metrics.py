"""Metrics: figures with a name, as a monitoring system reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """Whether a figure goes up and down, or only grows."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure and the labels that tell it apart from the others of its metric."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and its readings, which all have the same label names; none if there is no figure yet.

    `name` has no prefix; it ends with its unit (seconds, bytes, ratio), that of a counter with `_total`.
    """

    name: str
    help: str
    readings: tuple[Reading, ...]
    kind: MetricKind = MetricKind.GAUGE


def gauge(name: str, help: str, value: float | None) -> Metric:  # noqa: A002
    """Return a metric of one figure, or of none."""
    return Metric(name, help, () if value is None else (Reading(value, {}),))


def gauges(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:  # noqa: A002
    """Return a metric with a figure for each value of one label."""
    return Metric(name, help, tuple(Reading(value, {label: key}) for key, value in values.items()))
