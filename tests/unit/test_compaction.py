"""Compaction of the tables: every row stays, and files and log are bounded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.adapters.delta import Table
from goldloop.adapters.delta_compaction import PROPERTIES, merge_small_files
from goldloop.adapters.delta_log import TableFiles
from goldloop.core.errors import BusyError, GoldVersionError
from goldloop.core.table_ports import Changes
from goldloop.loop.compact import WORK, compact, compact_unless_busy
from goldloop.settings.workspace import Workspace
from goldloop.tables import schema
from goldloop.wiring import Wiring
from tests.compacted import AT, WEEK, labels, merged, names, opened, tidy


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


def test_two_writers_that_merge_the_same_files_double_no_row(tmp_path: Path) -> None:
    """The second has opened the table before the first one's merge: deltalake would keep both results."""
    table, folder = opened(tmp_path, "task_events"), tmp_path / "task_events"
    for number in range(9):
        write_deltalake(str(folder), schema.as_table("task_events", [{"key": str(number)}]), mode="append")
    first, second = DeltaTable(str(folder)), DeltaTable(str(folder))

    merge_small_files(TableFiles("task_events", folder), first)
    merge_small_files(TableFiles("task_events", folder), second)

    assert sorted(table.read()["key"].to_pylist()) == [str(number) for number in range(9)]
    assert [entry["operation"] for entry in table.history(2)] == ["OPTIMIZE", "WRITE"]


def test_files_are_not_merged_while_another_process_merges(tmp_path: Path) -> None:
    """A write leaves them to the next one, and loses no time."""
    table, folder = opened(tmp_path, "task_events"), tmp_path / "task_events"
    with FileLock(folder / "_merging.lock"):
        for number in range(12):
            table.append([{"key": str(number)}])
        assert len(DeltaTable(str(folder)).file_uris()) == 12
    table.append([{"key": "12"}])

    assert len(DeltaTable(str(folder)).file_uris()) == 1
    assert len(table.read()) == 13


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


def test_a_process_that_is_opening_the_table_finds_the_log_that_it_began_with(tmp_path: Path) -> None:
    """It begins at the newest checkpoint; what that one did not sum up is removed by the next run."""
    table = merged(tmp_path, "annotations")
    commits = {f"{number:020}.json" for number in range(6)}

    tidy(table, n=1)
    assert names(tmp_path / "annotations/_delta_log") >= commits
    tidy(table, n=1)
    assert not names(tmp_path / "annotations/_delta_log") >= commits


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
    assert [one.table for one in done] == list(wiring.tables.named)


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

    for kind in ("log", "data"):
        first, last = [max(size[kind] for size in some) for some in (sizes[:3], sizes[3:])]
        assert last <= first + 4


def test_a_writer_at_work_meanwhile_loses_nothing(tmp_path: Path) -> None:
    """Merges and numbered appends of one process during compactions of another: each is there once."""
    table, other = opened(tmp_path, "task_events"), opened(tmp_path, "task_events")
    seqs: list[int | None] = []

    def write() -> None:
        for number in range(15):
            other.merge_next(lambda _: Changes([{"key": f"put {number}"}]), key="key")  # noqa: B023
            seqs.append(other.append_next(lambda seq: [{"key": f"numbered {seq}", "seq": seq}]))

    writer = Thread(target=write)
    writer.start()
    while writer.is_alive():
        table.compact((), before=datetime.now(UTC) - timedelta(seconds=2), at=AT)
    writer.join()

    assert seqs == sorted(set(seqs), key=int)  # type: ignore[type-var]
    kept = opened(tmp_path, "task_events").read(["key"])["key"].to_pylist()
    assert sorted(kept) == sorted([f"put {n}" for n in range(15)] + [f"numbered {seq}" for seq in seqs])


def test_a_table_of_an_earlier_goldloop_is_compacted_too(tmp_path: Path) -> None:
    """It kept its log and its files for good and has many small files; it gets what a new table has."""
    for_good = {
        "delta.logRetentionDuration": "interval 36500 days",
        "delta.deletedFileRetentionDuration": "interval 36500 days",
        "delta.enableChangeDataFeed": "true",
    }
    folder = tmp_path / "task_events"
    DeltaTable.create(str(folder), schema.ALL["task_events"], configuration=for_good)
    for number in range(110):
        row = schema.as_table("task_events", [{"key": str(number), "seq": number}])
        write_deltalake(str(folder), row, mode="append")
    tidy(opened(tmp_path, "task_events"))

    table = opened(tmp_path, "task_events")
    assert sorted(table.read()["seq"].to_pylist()) == list(range(110))
    assert counts(folder)["log"] < 20
    fresh = DeltaTable.create(str(tmp_path / "fresh"), schema.ALL["task_events"])
    assert DeltaTable(str(folder)).metadata().configuration == {**for_good, **PROPERTIES}
    assert DeltaTable(str(folder)).schema() == fresh.schema()
