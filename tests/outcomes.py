"""Outcomes for tests: rows of a file told to a loop, and the gold that follows."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from goldloop.gold.records import GoldRecord
from goldloop.loop.outcomes import OutcomesReport, add_outcomes
from tests.loop import Loop

COLUMNS = ("id", "kind", "label", "honest_dispute", "observed_at", "known_at")


def told(loop: Loop, *rows: dict[str, object] | Sequence[object]) -> OutcomesReport:
    """Add rows of outcomes, each a dict or the values of COLUMNS, as a CSV file."""
    path = loop.folder / "outcomes.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow(row if isinstance(row, dict) else dict(zip(COLUMNS, row, strict=False)))
    return add_outcomes(loop.ports(), str(path))


def gold_of(loop: Loop, sample_id: str) -> GoldRecord | None:
    """Return the present gold record of a sample."""
    return next((one for one in loop.gold.read().records if one.sample_id == sample_id), None)


def known(loop: Loop, sample_id: str) -> GoldRecord:
    """Return the present gold record of a sample, which has one."""
    record = gold_of(loop, sample_id)
    assert record is not None
    return record
