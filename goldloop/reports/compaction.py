"""What a compaction did to the tables, as rows and as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.core.compaction import Compaction
from goldloop.reports.section import Row


def compaction_rows(compactions: Sequence[Compaction]) -> list[Row]:
    """Return the files of each table that has any rows, as they were and as they are."""
    return [
        {
            "table": one.table,
            "files read": f"{one.before.n_files:,} -> {one.after.n_files:,}",
            "files kept": f"{one.before.n_stored:,} -> {one.after.n_stored:,}",
            "log files": f"{one.before.n_log:,} -> {one.after.n_log:,}",
            "MB": f"{one.before.n_bytes / 1e6:,.1f} -> {one.after.n_bytes / 1e6:,.1f}",
        }
        for one in compactions
        if one.before.n_stored
    ]


def compaction_sentence(compactions: Sequence[Compaction]) -> str:
    """Return for example 'compacted: files that are read 312 -> 24, ...'; without compactions, why."""
    if not compactions:
        return "not compacted, as another process was compacting or backing up this workspace"
    before, after = [one.before for one in compactions], [one.after for one in compactions]
    files, log, size = (
        [sum(getattr(one, name) for one in sizes) for sizes in (before, after)]
        for name in ("n_files", "n_log", "n_bytes")
    )
    sentence = (
        f"compacted: files that are read {files[0]:,} -> {files[1]:,}, files of the logs {log[0]:,} -> "
        f"{log[1]:,}, {size[0] / 1e6:,.1f} -> {size[1] / 1e6:,.1f} MB"
    )
    n_versions = sum(one.n_versions for one in compactions)
    return sentence + (f"; {n_versions:,} unnamed gold versions no longer open" if n_versions else "")
