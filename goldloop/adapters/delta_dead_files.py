"""Dead files: what no version refers to that still opens.

Every merge replaces the files that it touches, and a killed writer leaves files that no commit names.
deltalake's own vacuum would write two commits into the table and read every version that it keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from goldloop.adapters.delta_history import ENTRIES, RECORD, ShortenedLog


def data_files(folder: Path) -> list[Path]:
    """Return the files of rows and of changes of the table in `folder`, whole or half written."""
    return [*folder.glob("*.parquet*"), *folder.glob("_change_data/*")]


def dead_files(
    folder: Path,
    shortened: ShortenedLog,
    files_of: Callable[[int], Collection[str]],
    commits: Iterable[list[dict[str, Any]]],
    *,
    before: datetime,
) -> list[Path]:
    """Return the files, of data and of the log, that are older than `before` and that nothing needs.

    Needed are the files of every version that `shortened` keeps, by `files_of`, and what `commits`, the
    actions of the commits of the kept log, refer to. A file that is written but not committed yet is younger
    than `before`.
    """
    needed: set[str] = set()
    for version in (*shortened.kept, shortened.begins):
        needed.update(files_of(version))
    for actions in commits:
        for action in actions:
            needed.update(action[kind]["path"] for kind in ("add", "cdc") if kind in action)
    since = before.timestamp()
    unnamed = [path for path in data_files(folder) if str(path.relative_to(folder)) not in needed]
    halves = (folder / "_delta_log").glob("*#*")
    return [path for path in (*unnamed, *halves) if _modified(path) < since]


def n_bytes(paths: Iterable[Path]) -> int:
    """Return the size of files; one that a writer has renamed meanwhile counts nothing."""
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _modified(path: Path) -> float:
    """Return when a file was last written; one that a writer has renamed meanwhile is young."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return inf


def unneeded_log(log: Path, shortened: ShortenedLog) -> list[Path]:
    """Return the commits and checkpoints in the folder `log` that no version needs, oldest first."""
    found = []
    for path in sorted(log.iterdir()):
        number = path.name[:20]
        if path.name in (ENTRIES, RECORD) or not number.isdigit() or int(number) >= shortened.begins:
            continue
        if path.name.endswith(".parquet") and int(number) in shortened.kept:
            continue
        found.append(path)
    return found
