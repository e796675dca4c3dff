"""Appends that rest on what their writer has looked up, and appends that are made once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.adapters.delta import Table as DeltaTable
from goldloop.adapters.memory import MemoryTable
from goldloop.core.table_ports import Row, Table
from goldloop.tables import schema

NAME = "task_events"  # any table does; one of its columns is used


@pytest.fixture(params=["delta", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Table]:
    """Return what opens the table once more, as another process would."""
    if request.param == "delta":
        return lambda: DeltaTable(tmp_path, NAME, schema.ALL[NAME])
    table = MemoryTable(NAME)
    return lambda: table


def keys(table: Table) -> list[str]:
    """Return the keys of all rows."""
    return sorted(table.read(["key"])["key"].to_pylist())


def test_a_transaction_is_committed_once(opened: Callable[[], Table]) -> None:
    """Whoever repeats it commits nothing and is told so, in this process and in every later one."""
    table = opened()

    assert not table.has("block")
    assert table.append_once(lambda _: [{"key": "one"}], transaction="block") == 1
    assert opened().append_once(lambda _: [{"key": "two"}], transaction="block") is None
    assert opened().append_once(lambda _: [{"key": "three"}], transaction="other") == 2
    assert opened().has("block")
    assert keys(table) == ["one", "three"]


def test_without_rows_nothing_is_committed(opened: Callable[[], Table]) -> None:
    """Neither a version nor the transaction: it can be committed later."""
    table = opened()

    assert table.append_once(lambda _: [], transaction="block") is None
    assert (table.version(), table.has("block")) == (0, False)


def test_rows_are_made_anew_when_another_writer_was_first(opened: Callable[[], Table]) -> None:
    """So that a look-up before the commit holds for the version on which the commit rests."""
    mine, other = opened(), opened()
    versions: list[int] = []

    def make_rows(version: int) -> list[Row]:
        versions.append(version)
        if len(versions) == 1:
            other.append([{"key": "same"}])
        return [{"key": key} for key in ("same", "mine") if key not in keys(mine)]

    assert mine.append_once(make_rows) == 2
    assert versions == [0, 1]
    assert keys(mine) == ["mine", "same"]


def test_of_two_writers_of_one_transaction_one_commits(opened: Callable[[], Table]) -> None:
    """Also when both had found it missing."""
    mine, other = opened(), opened()

    def make_rows(_: int) -> list[Row]:
        other.append_once(lambda _: [{"key": "other"}], transaction="block")
        return [{"key": "mine"}]

    assert mine.append_once(make_rows, transaction="block") is None
    assert keys(mine) == ["other"]


def test_it_takes_no_number_from_numbered_commits(opened: Callable[[], Table]) -> None:
    """The next numbered commit has the next number."""
    table = opened()
    table.append_next(lambda seq: [{"key": f"{seq}"}])
    table.append_once(lambda _: [{"key": "between"}], transaction="block")

    assert table.append_next(lambda seq: [{"key": f"{seq}"}]) == 2
    assert keys(table) == ["1", "2", "between"]


def test_a_transaction_outlives_a_compaction(opened: Callable[[], Table]) -> None:
    """When the log before it is gone, the checkpoint still names it."""
    table = opened()
    table.append_once(lambda _: [{"key": "one"}], transaction="block")
    for number in range(30):
        table.append([{"key": f"{number}"}])
    later = datetime.now(UTC) + timedelta(days=1)
    for _ in range(2):
        table.compact((), before=later, at=later)

    assert opened().append_once(lambda _: [{"key": "two"}], transaction="block") is None


@pytest.mark.parametrize("n_before", range(0, 20, 3))
def test_the_version_that_is_returned_rests_on_own_rows_alone(
    opened: Callable[[], Table], n_before: int
) -> None:
    """Where the append has merged small files, it is the version after: nobody else has written."""
    table = opened()
    for number in range(n_before):
        table.append([{"key": f"{number}"}])

    assert table.append_once(lambda _: [{"key": "mine"}]) == opened().version()
