"""Label errors: the gold labels that the newest search found doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.ports import Table
from goldloop.tables import codec
from goldloop.training.label_errors import LabelIssue


def save_label_issues(table: Table, version: int, issues: Sequence[LabelIssue], *, at: datetime) -> None:
    """Keep a search of gold version `version` as the present list; rank 0 is the search itself."""
    table.append(
        [
            {"found_at": at, "gold_version": version, "rank": 0},
            *codec.rows_of(issues, found_at=at, gold_version=version),
        ]
    )


def read_label_issues(table: Table) -> list[LabelIssue]:
    """Return the present list, most doubtful first; empty before any search."""
    rows = table.read()
    newest = pc.max(rows["found_at"])
    present = rows.filter((pc.field("found_at") == newest) & (pc.field("rank") > 0))
    return codec.values_of(LabelIssue, present.sort_by("rank"))
