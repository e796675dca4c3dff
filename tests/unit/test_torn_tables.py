"""Torn tables: a file that a power cut emptied or tore is named, with its table and the next step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.adapters.delta import Table, open_tables
from goldloop.core.errors import StorageError
from goldloop.core.table_ports import Changes
from goldloop.tables import schema

TEARS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "half": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one line short": lambda content: content[: content.rstrip().rindex(b"\n")],
    "zeros at the end": lambda content: content[:-40] + bytes(40),
    "an object without content": lambda content: b"{}\n",
}


def opened(root: Path, name: str = "task_events") -> Table:
    """Open a table as the next command does."""
    return Table(root, name, schema.ALL[name])


def filled(root: Path, name: str = "task_events") -> Table:
    """Return a table with three rows in commits 1 to 3."""
    table, column = opened(root, name), schema.ALL[name].names[0]
    for number in range(3):
        if schema.ALL[name].field(column).type == "string":
            table.append([{column: str(number)}])
        else:
            table.append([{column: None}])
    return table


def commit(root: Path, number: int, name: str = "task_events") -> Path:
    """Return the file of a commit."""
    return root / name / f"_delta_log/{number:020}.json"


@pytest.mark.parametrize("name", list(schema.ALL))
def test_an_empty_commit_file_is_named_in_every_table(tmp_path: Path, name: str) -> None:
    """Never 'nothing happened'; without the file, the commits before it are there."""
    filled(tmp_path, name)
    path = commit(tmp_path, 3, name)
    path.write_bytes(b"")

    with pytest.raises(StorageError, match=rf"{re.escape(str(path))} of commit 3 of table '{name}' is empty"):
        opened(tmp_path, name)
    path.unlink()
    assert len(opened(tmp_path, name).read()) == 2


@pytest.mark.parametrize("number", [0, 2, 3])
@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_commit_file_is_named_with_a_next_step(tmp_path: Path, number: int, tear: str) -> None:
    """The newest may go, nothing reported is in it; an older one comes from a backup."""
    filled(tmp_path)
    path = commit(tmp_path, number)
    path.write_bytes(TEARS[tear](path.read_bytes()))

    with pytest.raises(StorageError) as caught:
        opened(tmp_path).read()
    said = str(caught.value)
    assert str(path) in said
    assert "task_events" in said
    assert f"Restore the folder {tmp_path / 'task_events'} from a backup" in said
    assert (f"remove {path}" in said) == (number == 3)
    assert "\n" not in said


def test_a_commit_file_torn_under_an_open_table_is_named(tmp_path: Path) -> None:
    """Also a long-running command notices it, and writes nothing on top of it."""
    table = filled(tmp_path)
    opened(tmp_path).append([{"key": "later"}])
    commit(tmp_path, 4).write_bytes(b"")

    for use in (table.read, table.version, lambda: table.append([{"key": "mine"}])):
        with pytest.raises(StorageError, match="commit 4 of table 'task_events' is empty"):
            use()
    assert not commit(tmp_path, 5).exists()


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("tear", ["missing", "empty", "half"])
def test_a_torn_data_file_is_named(tmp_path: Path, number: int, tear: str) -> None:
    """The file of rows, and the commit that it belongs to."""
    filled(tmp_path)
    lines = commit(tmp_path, number).read_text().splitlines()
    added = next(action["add"]["path"] for line in lines if "add" in (action := json.loads(line)))
    path = tmp_path / "task_events" / added
    if tear == "missing":
        path.unlink()
    else:
        path.write_bytes(TEARS[tear](path.read_bytes()))

    with pytest.raises(
        StorageError, match=rf"{re.escape(str(path))} of commit {number} of table 'task_events' is"
    ):
        opened(tmp_path).read()


def test_a_lost_log_is_no_new_table(tmp_path: Path) -> None:
    """Data files without commits are not taken for an empty table."""
    filled(tmp_path)
    for path in (tmp_path / "task_events/_delta_log").iterdir():
        path.unlink()

    with pytest.raises(StorageError, match=r"'task_events' has data files but no commits"):
        opened(tmp_path)


@pytest.mark.parametrize("tear", ["empty", "half", "gone"])
def test_a_torn_summary_is_named_and_may_be_removed(tmp_path: Path, tear: str) -> None:
    """Every tenth commit is summed up; the commits themselves stay, so nothing is lost."""
    table = filled(tmp_path)
    for number in range(6):
        table.append_next(lambda seq: [{"key": str(number), "seq": seq}])  # noqa: B023
    (summary,) = (tmp_path / "task_events/_delta_log").glob("*.checkpoint.parquet")
    if tear == "gone":
        summary.unlink()
        summary = summary.with_name("_last_checkpoint")
    else:
        summary.write_bytes(TEARS[tear](summary.read_bytes()))

    with pytest.raises(StorageError, match=rf"{re.escape(str(summary))} of table 'task_events' is damaged"):
        opened(tmp_path).read()
    summary.unlink()
    summary.with_name("_last_checkpoint").unlink(missing_ok=True)
    assert len(opened(tmp_path).read()) == 9


@pytest.mark.parametrize("use", ["history", "an old version"])
def test_a_torn_commit_that_a_checkpoint_sums_up_is_named_too(tmp_path: Path, use: str) -> None:
    """The newest rows are safe; the history and old versions rest on the commit file."""
    table = filled(tmp_path)
    for _ in range(8):
        table.append_next(lambda seq: [{"key": str(seq), "seq": seq}])
    commit(tmp_path, 5).write_bytes(b"")
    table = opened(tmp_path)
    assert len(table.read()) == 11

    with pytest.raises(StorageError, match="commit 5 of table 'task_events' is empty"):
        table.history() if use == "history" else table.read(version=7)


def test_whole_tables_raise_no_alarm(tmp_path: Path) -> None:
    """Merges that add, change, remove and do nothing, in all tables, are whole."""
    tables = open_tables(tmp_path)
    table = tables.annotations
    rows = [{"annotation_id": number, "key": str(number)} for number in range(50)]
    table.merge_next(lambda _: Changes(rows), key="annotation_id")
    table.merge_next(lambda _: Changes(rows[:10], rows[40:]), key="annotation_id")
    table.merge_next(lambda _: Changes(remove=rows), key="annotation_id")

    again = open_tables(tmp_path)
    assert len(again.annotations.read()) == 0
    assert again.annotations.version() == 3
