"""Compactions that are killed, out of room or on damaged files: nothing is lost or stays half done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from deltalake import DeltaTable

from goldloop.core.errors import GoldVersionError, StorageError
from goldloop.tables.gold_store import GoldStore
from tests.compacted import AT, WEEK, gold, merged, names, opened, tidy
from tests.power_cut import ForgetfulDisk, PowerCut


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
    table.compact((), before=datetime.now(UTC) - WEEK, at=AT)
    assert all(orphan.exists() for orphan in orphans)
    old = (datetime.now(UTC) - 2 * WEEK).timestamp()
    for orphan in orphans:
        os.utime(orphan, (old, old))

    table.compact((), before=datetime.now(UTC) - WEEK, at=AT)
    assert not any(orphan.exists() for orphan in orphans)
    assert len(table.read()) == 1


def test_a_table_with_a_torn_log_loses_no_file(tmp_path: Path) -> None:
    """Which files are dead cannot be known then."""
    table = merged(tmp_path, "annotations")
    (tmp_path / f"annotations/_delta_log/{2:020}.json").write_bytes(b"")
    before = names(tmp_path)

    with pytest.raises(StorageError, match="commit 2 of table 'annotations' is empty"):
        tidy(table)
    assert names(tmp_path) >= before


def test_a_torn_merge_of_files_is_named(tmp_path: Path) -> None:
    """deltalake gives it no transaction at its end; the number of its files shows that a line is missing."""
    table = opened(tmp_path, "task_events")
    for number in range(9):
        table.append([{"key": str(number)}])
    path = tmp_path / f"task_events/_delta_log/{table.version():020}.json"
    path.write_bytes(path.read_bytes().rstrip().rpartition(b"\n")[0] + b"\n")

    with pytest.raises(StorageError, match=f"commit {table.version()} of table 'task_events' is torn"):
        opened(tmp_path, "task_events")
    path.unlink()
    assert len(opened(tmp_path, "task_events").read()) == 9


def test_a_damaged_checkpoint_on_which_the_log_rests_comes_from_a_backup(tmp_path: Path) -> None:
    """The commits before it are gone, so nobody is told to remove it."""
    table = merged(tmp_path, "annotations", 12)
    tidy(table)
    summary = min((tmp_path / "annotations/_delta_log").glob("*.checkpoint.parquet"))
    summary.write_bytes(b"")
    for path in (tmp_path / "annotations/_delta_log").glob("*.checkpoint.parquet"):
        path.write_bytes(b"")

    with pytest.raises(
        StorageError, match=rf"{summary.name} .* commits before it are gone. Restore the folder"
    ):
        opened(tmp_path, "annotations").read()


def test_a_full_disk_ends_a_compaction_in_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write goes on without merging files; `goldloop compact` says what to do, and then finishes."""
    table = opened(tmp_path, "task_events")
    for number in range(7):
        table.append([{"key": str(number)}])
    with monkeypatch.context() as patch:
        patch.setattr("goldloop.adapters.delta_log.n_free", lambda _: 70_000)
        patch.setattr("goldloop.adapters.delta_compaction.MOST_SMALL", 2)
        for number in range(3):
            table.append([{"key": f"full {number}"}])
        with pytest.raises(StorageError, match=r"cannot write table 'task_events': the disk is full"):
            tidy(table)
        assert len(DeltaTable(str(tmp_path / "task_events")).file_uris()) == 10

    assert tidy(table).after.n_files == 1
    assert len(table.read()) == 10


def test_a_power_cut_or_a_kill_at_any_step_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut before each fsync: rows and named versions are there at once, and after the next run."""
    _, digests = gold(tmp_path / "before")
    for moment in count():
        root = tmp_path / f"disk-{moment}"
        shutil.copytree(tmp_path / "before", root)
        with monkeypatch.context() as patch:
            disk = ForgetfulDisk(root, patch)
            disk.cut_at = moment
            with suppress(PowerCut):
                tidy(opened(root, "gold"), [2, 4], n=1)
            is_cut = disk.n_forced == moment
            after = disk.after_the_cut(tmp_path / f"after-{moment}", names_kept=bool(moment % 2))
            disk.close()
        for is_finished in (False, True):
            kept = GoldStore(opened(after, "gold"))
            assert {number: kept.read(number).version.digest for number in (2, 4)} == {
                number: digests[number] for number in (2, 4)
            }
            assert kept.read().version.digest == digests[max(digests)]
            assert {one.version: one.digest for one in kept.log()} == digests
            if not is_finished:
                tidy(opened(after, "gold"), [2, 4])
        assert len(names(after / "gold")) < 25
        if not is_cut:
            break
    assert moment >= 5


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.compacted import opened, tidy
number, at = 0, int(sys.argv[2])
unlink = Path.unlink
def killing(self, missing_ok=False):
    global number
    number += 1
    if number > at:
        os.kill(os.getpid(), signal.SIGKILL)
    unlink(self, missing_ok=missing_ok)
Path.unlink = killing
tidy(opened(Path(sys.argv[1]), "gold"), [2], n=1)
"""


@pytest.mark.parametrize("n_removed", [0, 3, 12])
def test_a_killed_removal_is_finished_by_the_next_run(tmp_path: Path, n_removed: int) -> None:
    """SIGKILL after some removed files: every kept version opens, the others are gone after the next run."""
    _, digests = gold(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(n_removed)], check=False)

    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        kept = GoldStore(opened(tmp_path, "gold"))
        assert kept.read(2).version.digest == digests[2]
        assert kept.read().version.digest == digests[max(digests)]
        assert {one.version: one.digest for one in kept.log()} == digests
        with pytest.raises(GoldVersionError, match="gold version 3 was removed"):
            kept.read(3)
        tidy(opened(tmp_path, "gold"), [2])
    assert len(names(tmp_path / "gold")) < 25
