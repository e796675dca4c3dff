"""The data of a map as the script of the page reads them: a list for each property of the points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from goldloop.core.lanes import Lane
from goldloop.core.verbatim import visible
from goldloop.reports.section import MapPoint

SCALE = 10_000  # whole numbers take a third of the place of fractions
MOST_LABELS = 24
"""Labels in the legend: so many pairs of colour and shape there are; the rarest share an entry beyond."""


def map_data(points: Sequence[MapPoint]) -> dict[str, Any]:
    """Return `points` as plain values; -1 stands for what is not known.

    `legend` holds the most frequent labels, as positions in `labels`. A label is the gold one, else the
    model's. `tiles` names the tile of a point, by its position, where the page has one.
    """
    counts = Counter(label for point in points if (label := point.gold or point.label) is not None)
    labels = sorted({*counts, *(point.label for point in points if point.label is not None)})
    number = {label: place for place, label in enumerate(labels)} | {None: -1}
    lanes, versions = [str(lane) for lane in Lane], sorted({point.model_version for point in points})
    by_count = sorted(counts, key=lambda label: (-counts[label], label))
    n_named = MOST_LABELS if len(by_count) <= MOST_LABELS else MOST_LABELS - 1
    return {
        "x": [round(SCALE * point.x) for point in points],
        "y": [round(SCALE * point.y) for point in points],
        "file": [visible(point.name) for point in points],
        "lane": [lanes.index(point.lane) for point in points],
        "model": [number[point.label] for point in points],
        "gold": [number[point.gold] for point in points],
        "confidence": [-1 if (share := point.confidence) is None else round(100 * share) for point in points],
        "version": [versions.index(point.model_version) for point in points],
        "mistakes": [place for place, point in enumerate(points) if point.is_mistake],
        "tiles": {place: point.sample_id[:12] for place, point in enumerate(points) if point.sample_id},
        "lanes": lanes,
        "versions": [visible(version) for version in versions],
        "labels": [visible(label) for label in labels],
        "legend": [number[label] for label in by_count[:n_named]],
    }
