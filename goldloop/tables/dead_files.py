"""Dead files: removed from every table once a week, when no reader can need them any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from goldloop.core.ports import Tables

KEPT_FOR = timedelta(days=7)  # longer than any command runs, and than a restore from last week's backup waits


def remove_dead_files(tables: Tables, now: datetime) -> int:
    """Remove the dead files of all tables; return how many bytes that freed."""
    return sum(table.remove_dead_files(now - KEPT_FOR) for table in tables.named.values())
