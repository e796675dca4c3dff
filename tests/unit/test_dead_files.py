"""Dead files of the tables: the round removes them, and every version that a reader may need stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.adapters.delta import Table, open_tables
from goldloop.core.errors import StorageError
from goldloop.core.ports import Changes
from goldloop.tables import schema
from goldloop.tables.dead_files import KEPT_FOR, remove_dead_files

KEYS = {"gold": "sample_id", "annotations": "key"}


def merged(folder: Path, name: str, n: int = 5) -> Table:
    """Return a table in which one row was replaced `n` times."""
    table = Table(folder, name, schema.ALL[name])
    for number in range(n):
        row = {KEYS[name]: "a", "label": f"label {number}"}
        table.merge_next(lambda _, row=row: Changes([row]), key=KEYS[name])  # type: ignore[misc]
    return table


def files(folder: Path) -> set[Path]:
    """Return every file below the folder but the log."""
    return {path for path in folder.rglob("*") if path.is_file() and path.parent.name != "_delta_log"}


def later(days: float = 0) -> datetime:
    """Return the moment from which on the files of now are that much past their keeping."""
    return datetime.now(UTC) + KEPT_FOR + timedelta(days=days, seconds=5)


def test_a_replaced_file_goes_when_no_reader_can_need_it(tmp_path: Path) -> None:
    """The newest version and the one before it stay; nothing goes within the days of keeping."""
    table = merged(tmp_path, "annotations")
    before = table.read().to_pylist()
    n_files = len(files(tmp_path))
    tables = open_tables(tmp_path)

    assert remove_dead_files(tables, datetime.now(UTC)) == 0
    assert len(files(tmp_path)) == n_files
    assert remove_dead_files(tables, later()) > 0
    assert len([path for path in files(tmp_path / "annotations") if path.parent.name == "annotations"]) == 2
    again = Table(tmp_path, "annotations", schema.ALL["annotations"])
    assert again.read().to_pylist() == before
    assert again.read(version=again.version() - 1)["label"].to_pylist() == ["label 3"]
    assert remove_dead_files(tables, later()) == 0
    again.merge_next(lambda _: Changes([{"key": "b"}]), key="key")
    assert len(again.read()) == 2


def test_every_gold_version_stays_readable(tmp_path: Path) -> None:
    """No file that any gold version needs is ever removed."""
    table = merged(tmp_path, "gold")
    before = files(tmp_path / "gold")

    assert table.remove_dead_files(later(days=1000)) == 0
    assert files(tmp_path / "gold") == before
    for version in range(1, 6):
        assert table.read(version=version)["label"].to_pylist() == [f"label {version - 1}"]


@pytest.mark.parametrize("name", ["gold", "annotations"])
def test_what_a_killed_writer_left_goes_unless_it_is_young(tmp_path: Path, name: str) -> None:
    """A file that no commit names may be another writer's next commit, so only an old one goes."""
    table = merged(tmp_path, name)
    orphans = [
        tmp_path / name / "part-00000-orphan.zstd.parquet",
        tmp_path / name / "part-00000-orphan.zstd.parquet#1",
        tmp_path / name / f"_delta_log/{9:020}.json#1",
    ]
    for orphan in orphans:
        orphan.write_bytes(b"half")
    assert table.remove_dead_files(datetime.now(UTC) - KEPT_FOR) == 0
    old = (datetime.now(UTC) - 2 * KEPT_FOR).timestamp()
    for orphan in orphans:
        os.utime(orphan, (old, old))

    assert table.remove_dead_files(datetime.now(UTC) - KEPT_FOR) == 12
    assert not any(orphan.exists() for orphan in orphans)
    assert len(table.read()) == 1


def test_a_table_with_a_torn_log_loses_no_file(tmp_path: Path) -> None:
    """Which files are dead cannot be known then."""
    table = merged(tmp_path, "annotations")
    (tmp_path / f"annotations/_delta_log/{2:020}.json").write_bytes(b"")
    before = files(tmp_path)

    with pytest.raises(StorageError, match="commit 2 of table 'annotations' is empty"):
        table.remove_dead_files(later())
    assert files(tmp_path) == before
