"""The gallery: which samples fit a choice of label, lane and confidence, a page of them at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Tables
from goldloop.tables.views import ARRIVED_SAMPLES, NEWEST_PREDICTIONS, query_views

_FOUND = """
WITH found AS (
    SELECT sample_id, confidence, lane, coalesce(gold.label, newest_predictions.label) AS label
    FROM arrived_samples LEFT JOIN newest_predictions USING (key) LEFT JOIN gold USING (sample_id)
), fitting AS (SELECT sample_id FROM found{among} WHERE {conditions})
SELECT sample_id, (SELECT count(*) FROM fitting) AS n FROM fitting
ORDER BY sample_id LIMIT {n} OFFSET {start}
"""


@dataclass(frozen=True, slots=True)
class GalleryChoice:
    """Which samples are wanted; what is None restricts nothing.

    `label` is the gold label, or the model's where there is none. `confidence` is that of the newest
    prediction, from the first number up to, without, the second.
    """

    label: str | None = None
    lane: str | None = None
    confidence: tuple[float, float] | None = None


def read_gallery(
    tables: Tables,
    choice: GalleryChoice,
    gold: Mapping[SampleId, str],
    *,
    among: Collection[SampleId] | None = None,
    start: int = 0,
    n: int,
) -> tuple[list[SampleId], int]:
    """Return `n` samples that fit `choice`, the `start` first left out, and the number of all that fit.

    `gold` holds the gold labels. Only samples `among` those given are taken, None: all. The order is that of
    the ids, hashes of contents: a random draw, the same at every look.
    """
    further = {"gold": _texts(gold)}
    if among is not None:
        further["wanted"] = _texts(dict.fromkeys(among, ""))
    sql = _FOUND.format(
        among="" if among is None else " SEMI JOIN wanted USING (sample_id)",
        conditions=" AND ".join(_conditions(choice)) or "true",
        n=n,
        start=start,
    )
    rows = query_views(tables, sql, [ARRIVED_SAMPLES, NEWEST_PREDICTIONS], **further)
    n_all = rows["n"][0].as_py() if len(rows) else 0
    return [SampleId(sample_id) for sample_id in rows["sample_id"].to_pylist()], n_all


def _conditions(choice: GalleryChoice) -> list[str]:
    found = [
        f"{name} = {_quoted(value)}"
        for name, value in (("label", choice.label), ("lane", choice.lane))
        if value is not None
    ]
    if choice.confidence is not None:
        low, high = choice.confidence
        found.append(f"confidence >= {float(low)!r} AND confidence < {float(high)!r}")
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _texts(labels: Mapping[SampleId, str]) -> pa.Table:
    names = sorted(labels)
    columns = {"sample_id": names, "label": [labels[name] for name in names]}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
