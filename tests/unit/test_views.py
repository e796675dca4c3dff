"""Views of a table say what the table says, whatever happened to either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldloop.core.errors import StorageError
from goldloop.core.lanes import Lane
from goldloop.core.materialized_views import DEFINITION, MARK
from goldloop.core.samples import UNREADABLE, Arrived, SampleId, sample_id_of
from goldloop.core.table_ports import Tables
from goldloop.tables import views
from goldloop.tables.counts import Conservation, conservation
from goldloop.tables.predictions import WaitingSample, read_unlabeled_pool, read_waiting
from goldloop.tables.views import (
    ARRIVED_SAMPLES,
    COUNTED_FILES,
    NEWEST_PREDICTIONS,
    View,
    discard_view,
    faulty_views,
)
from tests.arrivals import arrival_row
from tests.scored_workplace import Scored

VIEWS = (COUNTED_FILES, ARRIVED_SAMPLES, NEWEST_PREDICTIONS)
WAYS = [str(Arrived.SAMPLE), str(Arrived.DUPLICATE), str(Arrived.QUARANTINE), UNREADABLE, str(Arrived.OPENED)]
ROWS = st.lists(
    st.tuples(st.sampled_from(WAYS), st.integers(0, 29), st.sampled_from("bc")), min_size=1, max_size=6
)
SCORES = st.lists(
    st.tuples(st.integers(0, 29), st.sampled_from(list(Lane)), st.sampled_from("12")), min_size=1, max_size=6
)


def asked(tables: Tables) -> tuple[Conservation, list[Any], list[WaitingSample]]:
    """Return what is asked of the views: the sum of all files, the pool, and the samples that wait."""
    taken = {SampleId(sample_id_of(str(content).encode())) for content in range(0, 30, 5)}
    pool = sorted(read_unlabeled_pool(tables, taken), key=lambda one: one.sample_id)
    return conservation(tables), pool, read_waiting(tables, "1")


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """Let a view be written whenever a row was added, and read beside a few added ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MOST_ROWS", 4)
        yield


def without_views(place: Scored) -> Any:
    """Return what the tables alone say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MOST_ROWS", 10**9)
        other = Scored(place.root)
        patch.setattr(type(other.tables.samples.views), "find", lambda *_: None)
        return asked(other.tables)


def on(table: str, event: Callable[[Any], None]) -> Callable[[Scored], None]:
    """Return `event` as it happens to `table`."""

    def happens(place: Scored) -> None:
        place.table = table
        event(place)

    return happens


EVENTS = st.one_of(
    ROWS.map(lambda rows: lambda place: place.append(rows)),
    ROWS.map(lambda rows: lambda place: place.append(rows)),
    SCORES.map(lambda rows: lambda place: place.score(rows)),
    SCORES.map(lambda rows: lambda place: place.score(rows)),
    st.sampled_from([lambda place: asked(place.tables)] * 2),
    st.sampled_from([Scored.reopen, Scored.lose_views, Scored.tear_views, Scored.damage_views]),
    st.sampled_from(
        [
            on(table, event)
            for table in ("samples", "predictions")
            for event in (
                Scored.compact,
                Scored.vacuum,
                Scored.forget_log,
                Scored.back_up,
                Scored.restore,
            )
        ]
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=3, max_size=14))
def test_views_say_what_the_tables_say(events: list[Callable[[Scored], None]]) -> None:
    """After passes, compactions, vacuums, cleaned logs, restored tables, and lost, torn or damaged views."""
    with TemporaryDirectory() as root:
        place = Scored(Path(root))
        for event in events:
            event(place)
        expected = without_views(place)
        assert asked(place.tables) == expected
        assert asked(place.tables) == expected


@pytest.fixture
def place(tmp_path: Path) -> Scored:
    """Return a workspace with views of twenty samples and their predictions."""
    place = Scored(tmp_path)
    place.append([("sample", content, "b") for content in range(20)])
    place.score([(content, Lane.REVIEW, "1") for content in range(20)])
    asked(place.tables)
    return place


def read_beside(tables: Tables, view: View) -> tuple[bool, int]:
    """Return whether the whole table is read for `view` now, and how many rows."""
    table = getattr(tables, view.table)
    stored = table.views.find(view.name, view.definition)
    added = table.added_files(stored.mark if stored else None)
    return added.is_whole, added.n_rows


def test_only_rows_of_later_commits_are_read(place: Scored) -> None:
    """What a compaction and a vacuum write anew is none; after many more rows, the view is written anew."""
    before = place.files
    assert [read_beside(place.tables, view) for view in VIEWS] == [(False, 0)] * 3
    place.append([("sample", 20, "b")])
    place.score([(20, Lane.AUTO, "1"), (3, Lane.AUTO, "2")])
    for table in ("samples", "predictions"):
        on(table, Scored.compact)(place)
    place.reopen()
    assert [read_beside(place.tables, view) for view in VIEWS] == [(False, 1), (False, 1), (False, 2)]
    assert asked(place.tables) == without_views(place)
    assert place.files == before

    place.score([(content, Lane.AUTO, "2") for content in range(10)])
    assert asked(place.tables) == without_views(place)
    assert [read_beside(place.tables, view) for view in VIEWS] == [(False, 1), (False, 1), (False, 0)]
    assert len(place.files) == len(before)


def test_many_small_commits_make_a_view_anew(place: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file takes a millisecond to open, however few rows it has."""
    monkeypatch.setattr(views, "MOST_FILES", 2)
    for n_commits in (1, 2, 0):
        place.score([(n_commits, Lane.AUTO, "1")])
        asked(place.tables)
        assert read_beside(place.tables, NEWEST_PREDICTIONS) == (False, n_commits)


def test_a_view_of_another_history_is_derived_anew(place: Scored) -> None:
    """A restored table that has grown as long since holds other rows."""
    place.table = "samples"
    place.back_up()
    place.append([("sample", 25, "b"), *[("duplicate", content, "c") for content in range(9)]])
    asked(place.tables)
    place.restore()
    place.append([("quarantine", 26, "b")])

    assert read_beside(place.tables, COUNTED_FILES)[0]
    assert asked(place.tables) == without_views(place)


def test_a_view_of_another_definition_is_derived_anew(place: Scored) -> None:
    """After an upgrade a view may hold other columns."""
    other = View("counted_files", "samples", COUNTED_FILES.key, "min", "arrived_at", {"sample": "'x'"})
    assert place.tables.samples.views.find("counted_files", other.definition) is None
    assert place.tables.samples.views.find("counted_files", COUNTED_FILES.definition) is not None


def test_a_killed_writer_leaves_nothing_that_counts(place: Scored) -> None:
    """What it has begun has another name, and is removed a day later."""
    store = place.tables.samples.views
    before = place.files

    def die(path: Path) -> None:
        path.write_bytes(b"PAR1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.save("counted_files", die)
    unfinished = before[0].with_name(".counted_files.dead.parquet")
    unfinished.write_bytes(b"PAR1")
    assert place.files == before
    assert asked(place.tables) == without_views(place)
    os.utime(unfinished, (0, 0))
    place.append([("sample", content, "c") for content in range(9)])
    asked(place.tables)
    assert not unfinished.exists()


def test_a_disk_that_takes_no_view_gives_the_same_answer(
    place: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk makes the answer slower, and no command fails because of it."""

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    place.lose_views()
    monkeypatch.setattr(type(place.tables.samples.views), "save", full)

    assert asked(place.tables) == without_views(place)
    assert place.files == []


def test_a_view_that_another_process_replaces_meanwhile_is_read_again(
    place: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was found is gone when the engine opens it."""
    find = type(place.tables.samples.views).find

    def found_and_replaced(store: Any, name: str, definition: str) -> Any:
        stored = find(store, name, definition)
        if stored is not None:
            stored.path.rename(stored.path.with_name(f"{name}.{len(name) + stored.n_rows}x.parquet"))
            monkeypatch.undo()
        return stored

    expected = without_views(place)
    monkeypatch.setattr(type(place.tables.samples.views), "find", found_and_replaced)
    assert asked(place.tables) == expected
    assert len(place.files) == len(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_says_something_else_is_found(place: Scored, view: View) -> None:
    """As after an error of the disk that the engine does not see; without its file it is right again."""
    table = getattr(place.tables, view.table)
    assert faulty_views(place.tables) == []
    place.score([(3, Lane.AUTO, "2")])
    assert faulty_views(place.tables) == []
    notes = {DEFINITION: view.definition, MARK: table.views.find(view.name, view.definition).mark}
    wrong = f"FROM ({view.of('rows')}) LIMIT 19"
    table.views.save(view.name, lambda path: place.tables.engine.write(wrong, path, notes, rows=table))

    assert faulty_views(place.tables) == [view]
    discard_view(place.tables, view)
    assert faulty_views(place.tables) == []
    assert asked(place.tables) == without_views(place)


def test_small_tables_have_no_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their rows are read as fast."""
    monkeypatch.setattr(views, "MOST_ROWS", 50_000)
    place = Scored(tmp_path)
    place.tables.samples.append([arrival_row(1, 1, arrived="sample")])
    assert asked(place.tables)[0].n_missing == 1
    assert place.files == []
