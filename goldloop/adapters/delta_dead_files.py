"""Dead files: what no version that anybody may still read refers to.

Every merge replaces the files that it touches, and a killed writer leaves files that no commit names.
deltalake's own vacuum would write two commits into the table and read every gold version one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any


def dead_files(
    folder: Path, commits: Iterable[list[dict[str, Any]]], *, before: datetime, keeps_versions: bool
) -> list[Path]:
    """Return the dead files of the table in `folder` that are older than `before`.

    `commits` holds the actions of all commits, oldest first. A file is needed by the newest version, by the
    one before it, and by every version that was newest at or after `before`; with `keeps_versions` by every
    version. A file that is written but not committed yet is younger than `before`.
    """
    needed: set[str] = set()
    of_newest: list[str] = []
    since = before.timestamp()
    for actions in commits:
        of_newest = []
        for action in actions:
            if "add" in action:
                needed.add(action["add"]["path"])
            elif "cdc" in action:
                of_newest.append(action["cdc"]["path"])
            elif "remove" in action:
                of_newest.append(action["remove"]["path"])
                if action["remove"].get("deletionTimestamp", 0) / 1000 < since and not keeps_versions:
                    needed.discard(action["remove"]["path"])
        if keeps_versions:
            needed.update(of_newest)
    needed.update(of_newest)
    written = [*folder.glob("*.parquet*"), *folder.glob("_change_data/*"), *folder.glob("_delta_log/*#*")]
    return [
        path
        for path in written
        if str(path.relative_to(folder)) not in needed and path.stat().st_mtime < since
    ]
