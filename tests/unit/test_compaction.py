"""Compaction of the tables: every row and every named gold version stays, and files and log are bounded."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.adapters.delta import Table, open_tables
from goldloop.core.compaction import Compaction
from goldloop.core.errors import BusyError, GoldVersionError, StorageError
from goldloop.core.ports import Changes
from goldloop.gold.records import GoldRecord, gold_digest
from goldloop.loop.compact import WORK, compact, compact_unless_busy
from goldloop.settings.workspace import Workspace
from goldloop.tables import schema
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.named_versions import named_versions, save_export
from goldloop.wiring import Wiring
from tests.power_cut import ForgetfulDisk, PowerCut
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


def test_many_small_files_are_merged_by_the_writers(tmp_path: Path) -> None:
    """Forty commits that each add a file leave a table of a few, whoever writes, and no row is lost."""
    table = opened(tmp_path, "task_events")
    for number in range(20):
        table.append([{"key": f"appended {number}"}])
        table.append_next(lambda seq: [{"key": f"numbered {seq}", "seq": seq}])

    files = DeltaTable(str(tmp_path / "task_events")).file_uris()
    assert len(files) <= 9
    assert len(opened(tmp_path, "task_events").read()) == 40
    assert sorted(filter(None, table.read()["seq"].to_pylist())) == list(range(1, 21))


def test_a_merge_of_files_is_no_change_of_data(tmp_path: Path) -> None:
    """A reader of new rows, by the log, can pass over it."""
    table = opened(tmp_path, "task_events")
    for number in range(9):
        table.append([{"key": str(number)}])

    (path,) = (tmp_path / "task_events/_delta_log").glob(f"{table.version():020}.json")
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    assert actions[0]["commitInfo"]["operation"] == "OPTIMIZE"
    changed = [
        action[kind]["dataChange"] for action in actions for kind in ("add", "remove") if kind in action
    ]
    assert changed == [False] * 10


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["append", "number", "put", "remove", "compact"]), st.sampled_from("abcdef")
        ),
        max_size=14,
    )
)
@settings(max_examples=12, deadline=None)
def test_a_compacted_table_holds_the_same_rows(steps: list[tuple[str, str]]) -> None:
    """Any writes with compactions between them give the rows and the numbers that they give without."""
    with tempfile.TemporaryDirectory() as folder:
        plain, compacted = (opened(Path(folder) / one, "annotations") for one in ("plain", "compacted"))
        for step, key in steps:
            if step == "compact":
                tidy(compacted, n=1)
            else:
                assert write(plain, step, key) == write(compacted, step, key)
        again = opened(Path(folder) / "compacted", "annotations")
        assert rows(again) == rows(compacted) == rows(plain)


def write(table: Table, step: str, key: str) -> bool:
    """Make one change; return whether there was one."""
    row = {"key": key, "label": step}
    if step == "append":
        table.append([row])
        return True
    if step == "number":
        return table.append_next(lambda seq: [{"key": key, "task_id": seq}]) is not None
    is_there = key in table.read(["key"])["key"].to_pylist()
    if is_there == (step == "put"):  # a merge refuses a key that several rows have
        return False
    return table.merge_next(lambda _: Changes(**{step: [row]}), key="key") is not None


def rows(table: Table) -> list[tuple[Any, ...]]:
    """Return what `write` wrote, in order."""
    cells = table.read(["key", "label", "task_id"]).to_pylist()
    return sorted(tuple(map(str, row.values())) for row in cells)


def test_commit_numbers_go_on_after_a_compaction(tmp_path: Path) -> None:
    """What makes a commit exactly once stands in the checkpoints: no number is given twice."""
    table = opened(tmp_path, "task_events")
    for _ in range(12):
        table.append_next(lambda seq: [{"key": "a", "seq": seq}])
    tidy(table)

    again = opened(tmp_path, "task_events")
    assert again.append_next(lambda seq: [{"key": "b", "seq": seq}]) == 13
    assert len(names(tmp_path / "task_events/_delta_log")) < 8


def test_a_replaced_file_goes_when_no_reader_can_need_it(tmp_path: Path) -> None:
    """Nothing goes within the days of keeping; then only the newest version and the one before it stay."""
    table = merged(tmp_path, "annotations")
    before, stored = table.read().to_pylist(), names(tmp_path)

    for _ in range(2):
        table.compact((), before=datetime.now(UTC) - WEEK, at=AT)
    assert names(tmp_path) >= stored
    tidy(table)
    assert len(list((tmp_path / "annotations").glob("*.parquet"))) <= 2
    again = opened(tmp_path, "annotations")
    assert again.read().to_pylist() == before
    assert labels(again, again.version() - 1) == ["label 3"]
    with pytest.raises(GoldVersionError, match="version 2 of table 'annotations' was removed"):
        again.read(version=2)
    again.merge_next(lambda _: Changes([{"key": "b"}]), key="key")
    assert len(again.read()) == 2


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with gold of twelve versions, to be copied."""
    folder = tmp_path_factory.mktemp("gold")
    store = GoldStore(opened(folder, "gold"))
    records: list[GoldRecord] = []
    for number in range(12):
        records = [replace(record, label="dog") for record in records]
        records.append(gold_record(f"sample {number}", "cat"))
        store.commit(lambda: records, reason=lambda _: "a test")  # noqa: B023
    return folder


def gold(twelve: Path, folder: Path) -> tuple[GoldStore, dict[int, str]]:
    """Return gold with twelve versions in `folder`, and the digest of each by number."""
    shutil.copytree(twelve, folder, dirs_exist_ok=True)
    store = GoldStore(opened(folder, "gold"))
    return store, {version.version: version.digest for version in store.log()}


def test_a_named_gold_version_opens_with_its_digest_and_an_unnamed_one_says_what_was_removed(
    tmp_path: Path, twelve: Path
) -> None:
    """After the log is cut and the files are gone, for this process and the next, and again a year later."""
    store, digests = gold(twelve, tmp_path)
    named = [*sorted(digests)[1:8:3], 0]
    assert isinstance(store.table, Table)
    for _ in range(3):
        tidy(store.table, named)
        for kept in (store, GoldStore(opened(tmp_path, "gold"))):
            for number in named:
                found = kept.read(number)
                assert gold_digest(found.records) == found.version.digest == digests[number]
            assert kept.read().version.digest == digests[max(digests)]
            assert {one.version: one.digest for one in kept.log()} == digests
            removed = sorted(one.version for one in kept.log() if one.removed_at == AT)
            assert removed == sorted(set(digests) - {*named, 11, 12})
            with pytest.raises(
                GoldVersionError, match=f"gold version {removed[0]} was removed on 2026-05-01: no"
            ):
                kept.read(removed[0])
    again = DeltaTable(str(tmp_path / "gold"), version=named[1])  # as MLflow, Spark and DuckDB open it
    assert len(again.to_pyarrow_table()) == len(store.read(named[1]).records)
    assert len(names(tmp_path / "gold")) < 30


def test_versions_named_later_are_kept_with_those_named_before(tmp_path: Path, twelve: Path) -> None:
    """Each compaction keeps what is named by then; what was kept once is never removed."""
    store, digests = gold(twelve, tmp_path)
    assert isinstance(store.table, Table)
    tidy(store.table, [2])
    records = list(store.records())
    for number in range(4):
        records = [*records, gold_record(f"later {number}", "cat")]
        store.commit(lambda: records, reason=lambda _: "a test")  # noqa: B023
    later = store.newest().version - 1
    tidy(store.table, [later])

    kept = GoldStore(opened(tmp_path, "gold"))
    assert kept.read(2).version.digest == digests[2]
    assert len(kept.read(later).records) == 15
    assert kept.version(later).parent == later - 1


def test_what_names_a_gold_version(tmp_path: Path) -> None:
    """Rounds, policies, evaluations, searches for label errors, and exports."""
    tables = open_tables(tmp_path)
    for number, name in enumerate(["rounds", "policies", "evaluations", "label_errors"], start=1):
        getattr(tables, name).append([{"gold_version": number}, {"gold_version": number}])
    save_export(tables.exports, replace(GoldStore(tables.gold).newest(), version=9), "csv", at=AT)

    assert named_versions(tables) == {1, 2, 3, 4, 9}


def test_a_reader_with_an_open_version_goes_on(tmp_path: Path) -> None:
    """A process that has opened a table reads it to its end, and sees what others commit after a cut."""
    mine = merged(tmp_path, "annotations", 12)
    version = mine.version()
    before = opened(tmp_path, "annotations").read(version=version - 3).to_pylist()
    other = opened(tmp_path, "annotations")
    other.compact((), before=datetime.now(UTC) - WEEK, at=AT)

    assert mine.read(version=version - 3).to_pylist() == before
    other.merge_next(lambda _: Changes([{"key": "a", "label": "new"}]), key="key")
    tidy(other)
    assert labels(mine) == ["new"]
    mine.merge_next(lambda _: Changes([{"key": "a", "label": "newer"}]), key="key")
    assert labels(other) == ["newer"]


def test_a_dry_run_tells_what_a_compaction_does_and_changes_nothing(tmp_path: Path, twelve: Path) -> None:
    """Files, versions and log as they will be; bytes within what the merged file takes."""
    store, _ = gold(twelve, tmp_path)
    assert isinstance(store.table, Table)
    store.table.compact([3], before=datetime.now(UTC) - WEEK, at=AT)
    stored = names(tmp_path)

    told = tidy(store.table, [3], n=1, is_dry_run=True)
    assert names(tmp_path) == stored
    done = tidy(store.table, [3], n=1)
    assert told.before == done.before
    assert (told.after.n_files, told.after.n_stored) == (done.after.n_files, done.after.n_stored)
    assert told.n_versions == done.n_versions > 5
    assert done.after.n_bytes < done.before.n_bytes


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
        patch.setattr("goldloop.adapters.delta_compaction._TIERS", ((1 << 20, 2),))
        for number in range(3):
            table.append([{"key": f"full {number}"}])
        with pytest.raises(StorageError, match=r"cannot write table 'task_events': the disk is full"):
            tidy(table)
        assert len(DeltaTable(str(tmp_path / "task_events")).file_uris()) == 10

    assert tidy(table).after.n_files == 1
    assert len(table.read()) == 10


def test_a_power_cut_or_a_kill_at_any_step_is_finished_by_the_next_run(
    tmp_path: Path, twelve: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut before each fsync: rows and named versions are there at once, and after the next run."""
    store, digests = gold(twelve, tmp_path / "before")
    assert isinstance(store.table, Table)
    tidy(store.table, [2], n=1)
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
from tests.unit.test_compaction import opened, tidy
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
def test_a_killed_removal_is_finished_by_the_next_run(tmp_path: Path, twelve: Path, n_removed: int) -> None:
    """SIGKILL after some removed files: every kept version opens, the others are gone after the next run."""
    store, digests = gold(twelve, tmp_path)
    assert isinstance(store.table, Table)
    tidy(store.table, [2], n=1)
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


def test_a_workspace_is_compacted_by_one_process_at_a_time(tmp_path: Path) -> None:
    """A second compaction is told so, and so is one during a backup; the weekly round goes on without."""
    wiring = Wiring(Workspace.create(tmp_path / "pets", labels=["cat", "dog"]))
    wiring.tables.rounds.append([{"round": 0}])

    with wiring.alone(WORK):
        with pytest.raises(BusyError, match="Another compaction or backup is running"):
            compact(wiring.ports)
        assert compact_unless_busy(wiring.ports) == []
        assert {one.table for one in compact(wiring.ports, is_dry_run=True)} == set(schema.ALL)
    done = compact(wiring.ports)
    assert [one.table for one in done] == [field.name for field in fields(wiring.tables)]


def counts(folder: Path) -> Mapping[str, int]:
    """Return the number of files of a table's log and data."""
    return {"log": len(names(folder / "_delta_log")), "data": len(list(folder.rglob("*.parquet")))}


def test_log_and_files_of_a_table_stay_bounded(tmp_path: Path) -> None:
    """Six weeks of nine merges with a compaction each: the last week leaves what the second left."""
    table, sizes = opened(tmp_path, "gold"), []
    for week in range(6):
        for number in range(9):
            row = {"sample_id": f"{number % 3}", "label": f"{week} {number}"}
            table.merge_next(lambda _, row=row: Changes([row]), key="sample_id")  # type: ignore[misc]
        tidy(table, n=1)
        sizes.append(counts(tmp_path / "gold"))

    assert sizes[-1]["log"] <= sizes[1]["log"] + 2
    assert sizes[-1]["data"] <= sizes[1]["data"] + 2
