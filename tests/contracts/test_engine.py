"""The engine: answers over tables in memory and on Delta Lake alike, whatever columns older files have."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.adapters.delta import Table, open_tables
from goldloop.adapters.duckdb_engine import DuckDbEngine
from goldloop.adapters.memory import memory_tables
from goldloop.core.errors import StorageError
from goldloop.core.lanes import Lane
from goldloop.core.samples import UNREADABLE, Arrived
from goldloop.core.table_ports import Tables
from goldloop.tables import schema
from goldloop.tables.arrivals import read_files
from goldloop.tables.counts import conservation
from goldloop.tables.predictions import newest_predictions

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["delta", "memory"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Tables:
    """Return empty tables; the path has a quote and spaces in it."""
    return open_tables(tmp_path / "the user's own tables") if request.param == "delta" else memory_tables()


def test_an_answer_has_what_the_tables_have_now(tables: Tables) -> None:
    """Tables without rows answer too; several can be joined by their names."""
    ask = "SELECT key, p.round FROM events JOIN plans p USING (key) ORDER BY key"
    named = {"events": tables.task_events, "plans": tables.planned_tasks}
    assert tables.engine.query(ask, **named).to_pylist() == []

    tables.task_events.append([{"key": "a", "seq": 1}, {"key": "b", "seq": 2}])
    tables.task_events.append([{"key": "c", "seq": 3}])
    tables.planned_tasks.append([{"key": "c", "round": 7}, {"key": "a", "round": 5}])
    assert tables.engine.query(ask, **named).to_pylist() == [
        {"key": "a", "round": 5},
        {"key": "c", "round": 7},
    ]


def test_a_column_that_older_files_lack_is_null(tmp_path: Path) -> None:
    """A workspace of an earlier goldloop is asked like one of now."""
    columns = schema.ALL["samples"]
    young = pa.schema([columns.field(name) for name in ("sample_id", "uri", "arrived")])
    Table(tmp_path, "samples", young).append(
        pa.table({"sample_id": ["a"], "uri": ["x"], "arrived": ["sample"]}, young)
    )
    older = Table(tmp_path, "samples", columns)
    ask = "SELECT sample_id, stake, entity FROM samples ORDER BY sample_id"
    nothing = {"sample_id": "a", "stake": None, "entity": None}
    assert DuckDbEngine().query(ask, samples=older).to_pylist() == [nothing]

    older.append([{"sample_id": "b", "stake": 2.5, "entity": "bob"}])
    assert DuckDbEngine().query(ask, samples=older).to_pylist() == [
        nothing,
        {"sample_id": "b", "stake": 2.5, "entity": "bob"},
    ]


def test_a_file_that_is_gone_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    """And a mistake in a question is no fault of the tables."""
    tables = open_tables(tmp_path)
    tables.samples.append([{"sample_id": "a"}])
    with pytest.raises(duckdb.Error):
        tables.engine.query("SELECT nothing FROM samples", samples=tables.samples)
    for file in (tmp_path / "samples").glob("*.parquet"):
        file.unlink()
    with pytest.raises(StorageError, match=r"the tables samples cannot be read: .* Run `goldloop check`"):
        tables.engine.query("SELECT * FROM samples", samples=tables.samples)


REASONS = (None, UNREADABLE, "empty file")
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("12"), st.sampled_from(REASONS),
        st.sampled_from(list(Arrived)), st.sampled_from("pqr"),
    ),
    max_size=12,
)  # fmt: skip
PREDICTIONS = st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from(list(Lane))), max_size=6)


@given(ARRIVALS, PREDICTIONS)
@settings(max_examples=60, deadline=None)
def test_files_are_counted_as_they_are_read(arrivals: list[Any], predictions: list[Any]) -> None:
    """Every file is in the place of the row that counts for it, and a sample in its newest lane."""
    tables = memory_tables()
    names = ("batch", "uri", "stamp", "reason", "arrived", "sample_id")
    tables.samples.append(
        [
            dict(zip(names, row, strict=True))
            | {
                "arrived": str(Arrived.QUARANTINE if row[3] else row[4]),
                "arrived_at": START + timedelta(seconds=at),
            }
            for at, row in enumerate(arrivals)
        ]
    )
    tables.predictions.append(
        [
            {"sample_id": sample_id, "lane": str(lane), "scored_at": START + timedelta(seconds=at)}
            for at, (sample_id, lane) in enumerate(predictions)
        ]
    )
    found, files = conservation(tables), read_files(tables).to_pylist()

    arrived = Counter(row["arrived"] for row in files)
    lanes = {row["sample_id"]: row["lane"] for row in newest_predictions(tables, ()).to_pylist()}
    samples = [row["sample_id"] for row in files if row["arrived"] == Arrived.SAMPLE]
    assert found.n_files == len(files)
    assert (found.quarantine, found.duplicate) == (arrived[Arrived.QUARANTINE], arrived[Arrived.DUPLICATE])
    assert found.reasons == Counter(row["reason"] for row in files if row["reason"])
    assert {lane: n for lane, n in found.lanes.items() if n} == Counter(
        lanes[one] for one in samples if one in lanes
    )
