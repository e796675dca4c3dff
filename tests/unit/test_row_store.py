"""The content store of rows: what is kept stays as it is, in stores of older workspaces too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.modalities.rows import reader
from goldloop.modalities.rows.store import RowStore
from tests.payments import payment, records_in
from tests.texts import write_json

FIRST, SECOND, THIRD = (sample_id_of(text.encode()) for text in ("first", "second", "third"))


def older_store(path: Path) -> RowStore:
    """Return a store whose file was written when tables were ordered by sample_id."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, text in (("texts", b"first"), ("contexts", b"beside the first")):
            connection.execute(
                f"CREATE TABLE {table} (sample_id TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID"
            )
            connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (FIRST, text))
    return RowStore(path, "text")


@pytest.mark.parametrize("is_older", [True, False])
def test_what_is_kept_stays_as_it_is(tmp_path: Path, is_older: bool) -> None:
    """What stood beside a sample when it arrived first counts; another sample has what it arrived with."""
    store = older_store(tmp_path / "a.sqlite") if is_older else RowStore(tmp_path / "a.sqlite", "text")
    if not is_older:
        store.add({FIRST: "first"}, {FIRST: "beside the first"})
    store.add({FIRST: "first", SECOND: "second"}, {FIRST: "beside it later", SECOND: ""})

    assert [store.content(one) for one in (FIRST, SECOND)] == ["first", "second"]
    assert [store.beside(one) for one in (FIRST, SECOND)] == ["beside the first", ""]
    with pytest.raises(UnreadableSampleError, match="no intact text of sample"):
        store.content(THIRD)


def test_rows_are_kept_together_up_to_a_number_of_rows_and_of_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction for many short rows, since each waits for the disk; few long ones wait in memory."""
    sizes: list[int] = []
    monkeypatch.setattr(RowStore, "add", lambda _, contents, beside: sizes.append(len(contents)))
    records = records_in(tmp_path)
    path = write_json(tmp_path / "a.jsonl", *(payment(number, country="x" * 300) for number in range(10)))

    def arrive() -> list[SampleId]:
        return [one.sample_id for one in records.reader.arrivals(str(path), is_known=lambda _: False)]

    monkeypatch.setattr(reader, "_KEPT_AT_ONCE", 4)
    ids = arrive()
    monkeypatch.setattr(reader, "_KEPT_AT_ONCE", 4096)
    monkeypatch.setattr(reader, "_KEPT_CHARS", 1000)

    assert arrive() == ids
    assert sizes == [4, 4, 2, 3, 3, 3, 1]
