"""Columns by name: a workspace of an earlier goldloop is read and written on, one of a newer is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from goldloop.adapters.delta import Table
from goldloop.core.errors import StorageError
from goldloop.core.table_ports import Changes
from goldloop.tables import codec

NOW = pa.schema({"key": pa.string(), "seq": pa.int64(), "probs": pa.list_(pa.float32()), "at": codec.MOMENT})
EARLIER = pa.schema([NOW.field("seq"), NOW.field("key")])  # fewer columns, in another order


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder with a table of an earlier goldloop; its schema is not in goldloop's list."""
    table = Table(tmp_path, "notes", EARLIER)
    table.append(pa.table({"seq": [1, 2], "key": ["a", "b"]}, schema=EARLIER))
    return tmp_path


def rows(key: list[str], seq: list[int]) -> pa.Table:
    """Return rows in today's columns."""
    return pa.Table.from_pylist(
        [{"key": k, "seq": s, "probs": [0.5]} for k, s in zip(key, seq, strict=True)], NOW
    )


def test_a_column_that_the_table_lacks_is_null(earlier: Path) -> None:
    """Reading changes nothing: the table keeps its version, and conditions on a new column work."""
    table = Table(earlier, "notes", NOW)

    assert table.read().schema == NOW
    assert table.read().sort_by("seq").to_pylist() == [
        {"key": "a", "seq": 1, "probs": None, "at": None},
        {"key": "b", "seq": 2, "probs": None, "at": None},
    ]
    assert table.read(
        ["at", "key"], where=pc.field("probs").is_null() & (pc.field("seq") > 1)
    ).to_pylist() == [{"at": None, "key": "b"}]
    assert table.version() == 1


def test_the_first_write_adds_the_columns(earlier: Path) -> None:
    """Old rows stay as they are, an old version stays readable, and the earlier order does no harm."""
    table = Table(earlier, "notes", NOW)
    table.append(rows(["c"], [3]))

    assert sorted((row["key"], row["seq"], row["probs"]) for row in table.read().to_pylist()) == [
        ("a", 1, None),
        ("b", 2, None),
        ("c", 3, [0.5]),
    ]
    assert table.read(version=1).schema == NOW
    assert len(table.read(version=1)) == 2
    assert Table(earlier, "notes", NOW).version() == 3


@pytest.mark.parametrize("has_base", [False, True])
def test_a_numbered_write_on_an_earlier_table_is_decided_once(
    earlier: Path, monkeypatch: pytest.MonkeyPatch, has_base: bool
) -> None:
    """The new columns are a commit of goldloop's own, not another writer's."""
    monkeypatch.setitem(__import__("goldloop.tables.schema").tables.schema.ALL, "notes", NOW)
    table = Table(earlier, "notes", NOW)
    calls: list[int] = []

    def make(seq: int) -> list[dict[str, object]]:
        calls.append(seq)
        return [{"key": "c", "seq": seq}]

    assert table.append_next(make, base=table.version() if has_base else None) == 1
    assert calls == [1]
    table.merge_next(lambda _: Changes([{"key": "a", "seq": 9, "probs": [1.0]}]), key="key")
    assert sorted((row["key"], row["seq"], row["probs"]) for row in table.read().to_pylist()) == [
        ("a", 9, [1.0]),
        ("b", 2, None),
        ("c", 1, None),
    ]


def test_a_column_that_goldloop_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    """A table of a newer goldloop is neither read nor written."""
    Table(tmp_path, "notes", NOW).append(rows(["a"], [1]))
    table = Table(tmp_path, "notes", EARLIER)

    for use in (table.read, lambda: table.append(pa.table({"seq": [1], "key": ["b"]}, schema=EARLIER))):
        with pytest.raises(
            StorageError, match=r"table 'notes' .* columns \['at', 'probs'\].* a newer goldloop"
        ):
            use()


def test_a_field_that_was_not_stored_gets_its_default() -> None:
    """A field with a default that admits no null: rows of before it read as the default."""

    @dataclass(frozen=True, slots=True)
    class Note:
        key: str
        is_shown: bool = False
        names: tuple[str, ...] = ()
        detail: str | None = "none given"

    stored = pa.table({"key": ["a"], "is_shown": [None], "names": [None], "detail": [None]})

    assert codec.values_of(Note, stored) == [Note("a", False, (), None)]
