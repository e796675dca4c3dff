"""Tables: what one writer decides on is what it commits on, on Delta Lake and in memory alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from goldloop.adapters.delta import Table as DeltaTable
from goldloop.adapters.memory import MemoryTable
from goldloop.core.digest_index import AddedRows
from goldloop.core.errors import GoldVersionError, TableConflictError
from goldloop.core.table_ports import Changes, Table
from goldloop.tables import codec, schema

NAME = "task_events"  # any table does; two of its columns are used


@pytest.fixture(params=["delta", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Table]:
    """Return what opens the table once more, as another process would."""
    if request.param == "delta":
        return lambda: DeltaTable(tmp_path, NAME, schema.ALL[NAME])
    table = MemoryTable(NAME)
    return lambda: table


def content(table: Table, **options: object) -> list[tuple[str, int]]:
    """Return key and seq of the rows."""
    rows = table.read(["key", "seq"], **options).to_pylist()  # type: ignore[arg-type]
    return sorted((row["key"], row["seq"]) for row in rows)


def test_merged_rows_are_found_by_their_texts(opened: Callable[[], Table]) -> None:
    """deltalake writes what it merges in other types than what it appends."""
    table = opened()
    rows = [{"key": f"key {number}", "seq": number} for number in range(5)]
    table.merge_next(lambda _: Changes(rows), key="key")
    table.merge_next(lambda _: Changes([{"key": "key 3", "seq": 9}]), key="key")
    table.append([{"key": "key 7", "seq": 7}])

    for one in (table, opened()):
        wanted = codec.is_among("key", {"key 7", "key 3", "no key"})
        assert content(one, where=wanted) == [("key 3", 9), ("key 7", 7)]
        assert content(one, where=codec.is_among("key", set())) == []


def test_appended_rows_are_read_with_and_without_a_condition(opened: Callable[[], Table]) -> None:
    """An append is a version; a condition and a choice of columns narrow what is read."""
    table = opened()
    table.append([{"key": "one", "seq": 1}, {"key": "two", "seq": 2}])

    assert content(table) == [("one", 1), ("two", 2)]
    assert content(table, where=pc.field("seq") > 1) == [("two", 2)]
    assert table.version() == 1
    assert content(table, version=0) == []
    with pytest.raises(GoldVersionError, match="versions 0 to 1, not 2"):
        table.read(version=2)


def test_a_row_with_an_unknown_column_is_refused(opened: Callable[[], Table]) -> None:
    """A misspelt column is an error, not a lost value."""
    with pytest.raises(ValueError, match=r"no column \['kye'\]"):
        opened().append([{"kye": "one"}])


def test_a_writer_that_reads_again_while_it_decides_still_notices_the_other(
    opened: Callable[[], Table],
) -> None:
    """A commit between two reads of `make_rows` makes the table call it again."""
    mine, other = opened(), opened()
    seen: list[int] = []

    def make_rows(seq: int) -> list[dict[str, object]]:
        seen.append(len(mine.read()))
        if len(seen) == 1:
            other.append_next(lambda seq: [{"key": "other", "seq": seq}])
        mine.read()
        return [] if seen[-1] else [{"key": "mine", "seq": seq}]

    assert mine.append_next(make_rows) is None
    assert seen == [0, 1]
    assert content(mine) == [("other", 1)]


def test_a_commit_on_a_base_that_is_no_longer_the_newest_is_decided_anew(
    opened: Callable[[], Table],
) -> None:
    """What was decided on an old version is not committed on top of what others did since."""
    mine, other = opened(), opened()
    base = mine.version()
    other.append_next(lambda seq: [{"key": "other", "seq": seq}])
    calls: list[int] = []

    def make_rows(seq: int) -> list[dict[str, object]]:
        calls.append(seq)
        return [{"key": "mine", "seq": seq}]

    assert mine.append_next(make_rows, base=base) == 2
    assert calls == [1, 2]
    assert content(mine) == [("mine", 2), ("other", 1)]


def test_a_commit_on_the_newest_base_is_decided_once(opened: Callable[[], Table]) -> None:
    """Without another writer, the first result of `make_rows` is committed."""
    table = opened()
    table.append_next(lambda seq: [{"key": "first", "seq": seq}])
    calls: list[int] = []

    def make_rows(seq: int) -> list[dict[str, object]]:
        calls.append(seq)
        return [{"key": "second", "seq": seq}]

    assert table.append_next(make_rows, base=table.version()) == 2
    assert calls == [2]


def test_a_merge_puts_replaces_and_removes_by_key(opened: Callable[[], Table]) -> None:
    """One commit changes some rows and leaves the others."""
    table = opened()
    table.append([{"key": "keep", "seq": 1}, {"key": "change", "seq": 1}, {"key": "drop", "seq": 1}])
    changes = Changes(
        put=[{"key": "change", "seq": 2}, {"key": "new", "seq": 2}],
        remove=[{"key": "drop", "seq": 1}],
        metadata={"reason": "a test"},
    )

    assert table.merge_next(lambda _: changes, key="key") == 2
    assert content(table) == [("change", 2), ("keep", 1), ("new", 2)]
    assert content(table, version=1) == [("change", 1), ("drop", 1), ("keep", 1)]
    assert table.history()[0]["reason"] == "a test"
    assert [entry["version"] for entry in table.history()] == [2, 1, 0]
    assert table.merge_next(lambda _: Changes(), key="key") is None


@pytest.mark.parametrize("has_base", [False, True])
def test_a_merge_that_reads_again_while_it_decides_still_notices_the_other(
    opened: Callable[[], Table], has_base: bool
) -> None:
    """No writer overwrites what it has not seen."""
    mine, other = opened(), opened()
    seen: list[list[str]] = []

    def make_changes(read: Callable[[], pa.Table]) -> Changes:
        seen.append(read()["key"].to_pylist())
        if len(seen) == 1:
            other.merge_next(lambda _: Changes([{"key": "one", "seq": 7}]), key="key")
        mine.read()
        return Changes([] if seen[-1] else [{"key": "one", "seq": 1}])

    base = mine.version() if has_base else None
    assert mine.merge_next(make_changes, key="key", base=base) is None
    assert seen == [[], ["one"]]
    assert content(mine) == [("one", 7)]


def test_a_writer_that_always_loses_gives_up_by_name(
    opened: Callable[[], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve lost races are an error that names the table and the next step."""
    monkeypatch.setattr("goldloop.adapters.delta.time.sleep", lambda _: None)
    mine, other = opened(), opened()

    def make_rows(seq: int) -> list[dict[str, object]]:
        other.append_next(lambda seq: [{"key": "other", "seq": seq}])
        return [{"key": "mine", "seq": seq}]

    with pytest.raises(TableConflictError, match=r"task_events.* 12 times in a row; run the command again"):
        mine.append_next(make_rows)
    assert {key for key, _ in content(mine)} == {"other"}


def test_reading_delta_needs_no_python_in_arrows_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read goes through Arrow's own file system: with deltalake's, a command may abort when it ends."""
    table = DeltaTable(tmp_path, NAME, schema.ALL[NAME])
    table.append([{"key": "one", "seq": 1}])
    monkeypatch.setattr("deltalake.fs.DeltaStorageHandler.from_table", None)

    assert content(table) == [("one", 1)]
    assert content(table, version=1) == [("one", 1)]


def test_the_history_can_be_asked_for_its_newest_commits(opened: Callable[[], Table]) -> None:
    """A limit gives the newest ones first; more than there are gives all."""
    table = opened()
    for number in range(3):
        table.append([{"key": "one", "seq": number}])

    assert [entry["version"] for entry in table.history(2)] == [3, 2]
    assert table.history(9) == table.history()


def test_a_compaction_keeps_rows_numbers_and_young_versions(opened: Callable[[], Table]) -> None:
    """Nothing that was committed since the moment given changes for a reader or a writer."""
    table, before = opened(), datetime.now(UTC) - timedelta(days=1)
    for number in range(12):
        table.append_next(lambda seq: [{"key": f"row {number}", "seq": seq}])  # noqa: B023
    rows, version = content(table), table.version()

    told = table.compact((), before=before, at=before, is_dry_run=True)
    assert told.table == NAME
    assert told.n_versions == 0
    assert table.version() == version
    table.compact((), before=before, at=before)
    assert content(table) == content(opened()) == rows
    assert content(table, version=1) == rows[:1]
    assert table.append_next(lambda seq: [{"key": "last", "seq": seq}]) == 13


def keys_of(added: AddedRows) -> list[str]:
    """Return the keys of the rows, in their order."""
    return [key for part in added.parts for key in part["key"].to_pylist()]


def test_what_was_added_since_a_commit_comes_in_the_order_of_commits(opened: Callable[[], Table]) -> None:
    """The mark of one look is where the next begins; columns that were not asked for are left out."""
    table = opened()
    table.append([{"key": "one", "seq": 1}])
    first = table.added(["key"], after=None)
    table.append([{"key": "two", "seq": 2}, {"key": "three", "seq": 2}])
    opened().append([{"key": "four", "seq": 2}])
    second = table.added(["key", "seq"], after=first.mark)
    nothing = table.added(["key"], after=second.mark)

    assert (first.is_whole, keys_of(first)) == (True, ["one"])
    assert not second.is_whole
    rows = [row for part in second.parts for row in part.to_pylist()]
    assert rows == [{"key": "two", "seq": 2}, {"key": "three", "seq": 2}, {"key": "four", "seq": 2}]
    assert (nothing.mark, nothing.is_whole, keys_of(nothing)) == (second.mark, False, [])


def test_a_numbered_append_is_added_too(opened: Callable[[], Table]) -> None:
    """Appends with and without a number are appends."""
    table = opened()
    mark = table.added(["key"], after=None).mark
    table.append_next(lambda seq: [{"key": "one", "seq": seq}])

    added = table.added(["key"], after=mark)

    assert (added.is_whole, keys_of(added)) == (False, ["one"])


@pytest.mark.parametrize("mark", ["1 of another table", "7", "", "x"])
def test_after_an_unknown_commit_all_rows_are_added(opened: Callable[[], Table], mark: str) -> None:
    """The table says that it does not know what came since."""
    table = opened()
    table.append([{"key": "one", "seq": 1}])

    added = table.added(["key"], after=mark)

    assert (added.is_whole, keys_of(added)) == (True, ["one"])


def test_after_a_merge_all_rows_are_added(opened: Callable[[], Table]) -> None:
    """Rows that were changed or removed are not among those added, so nobody may go on from before."""
    table = opened()
    table.append([{"key": "one", "seq": 1}, {"key": "two", "seq": 1}])
    mark = table.added(["key"], after=None).mark
    table.merge_next(lambda _: Changes(remove=[{"key": "one", "seq": 1}]), key="key")

    added = table.added(["key"], after=mark)

    assert (added.is_whole, keys_of(added)) == (True, ["two"])
