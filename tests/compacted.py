"""Tables that are compacted as if what they hold were a week old."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from goldloop.adapters.delta import Table
from goldloop.core.compaction import Compaction
from goldloop.core.table_ports import Changes
from goldloop.gold.records import GoldRecord
from goldloop.tables import schema
from goldloop.tables.gold_store import GoldStore
from tests.records import gold_record

KEYS = {"gold": "sample_id", "annotations": "key", "task_events": "key"}
AT = datetime(2026, 5, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def opened(folder: Path, name: str) -> Table:
    """Open a table as the next command does."""
    return Table(folder, name, schema.ALL[name])


def merged(folder: Path, name: str, n: int = 5) -> Table:
    """Return a table in which one row was replaced `n` times."""
    table = opened(folder, name)
    for number in range(n):
        row = {KEYS[name]: "a", "label": f"label {number}"}
        table.merge_next(lambda _, row=row: Changes([row]), key=KEYS[name])  # type: ignore[misc]
    return table


def tidy(table: Table, named: Sequence[int] = (), *, n: int = 2, **options: Any) -> Compaction:
    """Compact a table `n` times as if what it holds were a week old; return the last compaction.

    The first time leaves the log from which a process may be opening the table.
    """
    before = datetime.now(UTC) + timedelta(seconds=5)
    return [table.compact(named, before=before, at=AT, **options) for _ in range(n)][-1]


def names(folder: Path) -> set[str]:
    """Return the name of every file below the folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def labels(table: Table, version: int | None = None) -> list[str]:
    """Return the labels of a version."""
    return sorted(table.read(["label"], version=version)["label"].to_pylist())


@cache
def _twelve() -> Path:
    """Make gold of twelve versions, to be copied."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    store = GoldStore(opened(folder, "gold"))
    records: list[GoldRecord] = []
    for number in range(12):
        records = [replace(record, label="dog") for record in records]
        records.append(gold_record(f"sample {number}", "cat"))
        store.commit(lambda: records, reason=lambda _: "a test")  # noqa: B023
    return folder


def gold(folder: Path) -> tuple[GoldStore, dict[int, str]]:
    """Return gold with twelve versions in `folder`, and the digest of each by number."""
    shutil.copytree(_twelve(), folder, dirs_exist_ok=True)
    store = GoldStore(opened(folder, "gold"))
    return store, {version.version: version.digest for version in store.log()}
