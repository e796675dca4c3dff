"""Label errors: the doubtful gold labels from the newest search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.ports import Table
from goldloop.tables import codec
from goldloop.training.label_errors import LabelIssue


def save_label_issues(table: Table, version: int, issues: Sequence[LabelIssue], *, at: datetime) -> None:
    """Write the result of a search of gold version `version`; the row of rank 0 stands for the search."""
    table.append(
        [
            {"found_at": at, "gold_version": version, "rank": 0},
            *codec.rows_of(issues, found_at=at, gold_version=version),
        ]
    )


def read_label_issues(table: Table) -> list[LabelIssue]:
    """Return the result of the newest search, most doubtful label first; empty before any search."""
    rows = table.read()
    newest = pc.max(rows["found_at"])
    present = rows.filter((pc.field("found_at") == newest) & (pc.field("rank") > 0))
    return codec.values_of(LabelIssue, present.sort_by("rank"))
