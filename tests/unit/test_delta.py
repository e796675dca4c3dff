"""Tables: what one writer decides on is what it commits on."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from goldloop.adapters.delta import Table

SCHEMA = pa.schema([("key", pa.string()), ("seq", pa.int64())])


def test_a_writer_that_reads_again_while_it_decides_still_notices_the_other(tmp_path: Path) -> None:
    """A commit that comes between two looks of `make_rows` at its own table makes it decide anew."""
    mine, other = Table(tmp_path, "t", SCHEMA), Table(tmp_path, "t", SCHEMA)
    seen: list[int] = []

    def make_rows(seq: int) -> list[dict[str, object]]:
        seen.append(len(mine.read()))
        if len(seen) == 1:
            other.append_next(lambda seq: [{"key": "other", "seq": seq}])
        mine.read()
        return [] if seen[-1] else [{"key": "mine", "seq": seq}]

    assert mine.append_next(make_rows) is None
    assert seen == [0, 1]
    assert mine.read().to_pylist() == [{"key": "other", "seq": 1}]


def test_a_merge_that_reads_again_while_it_decides_still_notices_the_other(tmp_path: Path) -> None:
    """The same for `merge_next`: no writer overwrites what it has not seen."""
    mine, other = Table(tmp_path, "t", SCHEMA), Table(tmp_path, "t", SCHEMA)
    seen: list[list[str]] = []

    def make_changes(
        present: pa.Table,
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], dict[str, str]]:
        seen.append(present["key"].to_pylist())
        if len(seen) == 1:
            other.merge_next(lambda _: ([{"key": "one", "seq": 7}], [], {}), key="key")
        mine.read()
        return ([] if seen[-1] else [{"key": "one", "seq": 1}]), [], {}

    assert mine.merge_next(make_changes, key="key") is None
    assert seen == [[], ["one"]]
    assert mine.read().to_pylist() == [{"key": "one", "seq": 7}]


def test_reading_needs_no_python_in_arrows_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read goes through Arrow's own file system: with deltalake's, a command may abort when it ends."""
    table = Table(tmp_path, "t", SCHEMA)
    table.append([{"key": "one", "seq": 1}])
    monkeypatch.setattr("deltalake.fs.DeltaStorageHandler.from_table", None)

    assert table.read().to_pylist() == [{"key": "one", "seq": 1}]
    assert table.read(["seq"], version=1).to_pylist() == [{"seq": 1}]
    assert table.merge_next(lambda present: (present.to_pylist(), [], {}), key="key") == 2
