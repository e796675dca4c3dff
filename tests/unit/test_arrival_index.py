"""The index of what has arrived says what the table says, whatever happened to either."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldloop.adapters import sqlite_index
from goldloop.adapters.memory import memory_tables
from goldloop.core.errors import StorageError, TableConflictError
from goldloop.core.samples import UNREADABLE, Arrived
from goldloop.tables.arrival_index import SAMPLES, SeenSamples, catch_up, sample_key
from tests.arrivals import Workplace, arrival_row, looked_up, read_whole

WAYS = [str(Arrived.SAMPLE), str(Arrived.DUPLICATE), str(Arrived.QUARANTINE), UNREADABLE, str(Arrived.OPENED)]
ROWS = st.lists(
    st.tuples(st.sampled_from(WAYS), st.integers(0, 29), st.sampled_from("bc")), min_size=1, max_size=6
)
EVENTS = st.one_of(
    ROWS.map(lambda rows: lambda place: place.append(rows)),
    ROWS.map(lambda rows: lambda place: place.append(rows)),
    st.sampled_from(
        [
            Workplace.reopen,
            Workplace.compact,
            Workplace.vacuum,
            Workplace.forget_log,
            Workplace.back_up,
            Workplace.restore,
            Workplace.lose_index,
            Workplace.tear_index,
            lambda place: catch_up(place.tables),
            lambda place: catch_up(place.tables),
        ]
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, min_size=3, max_size=14))
def test_the_index_says_what_the_table_says(events: list[Callable[[Workplace], None]]) -> None:
    """After passes, compactions, vacuums, cleaned logs, restored tables, and a lost or torn index."""
    with TemporaryDirectory() as root:
        place = Workplace(Path(root))
        for event in events:
            event(place)
        assert looked_up(place.tables) == read_whole(place.tables)
        assert looked_up(place.tables) == read_whole(place.tables)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """Return a workspace whose index has caught up with three samples."""
    place = Workplace(tmp_path)
    place.append([("sample", 1, "b"), ("sample", 2, "b"), ("sample", 3, "b")])
    catch_up(place.tables)
    return place


def is_whole_next(place: Workplace) -> bool:
    """Return whether the index has to read the whole table now."""
    mark = place.tables.samples.index.mark()
    return place.tables.samples.added(["uri"], after=mark).is_whole


def test_only_newer_commits_are_read(place: Workplace) -> None:
    """A compaction and a vacuum add no rows, and do not make the index read the table again."""
    place.append([("sample", 4, "b")])
    assert not is_whole_next(place)
    catch_up(place.tables)
    place.compact()
    place.vacuum()
    place.reopen()

    assert not is_whole_next(place)
    assert looked_up(place.tables) == read_whole(place.tables)
    place.append([("sample", 5, "b")])
    assert not is_whole_next(place)
    assert looked_up(place.tables) == read_whole(place.tables)


@pytest.mark.parametrize("clean", [Workplace.vacuum, Workplace.forget_log])
def test_what_was_compacted_away_is_read_from_the_whole_table(
    place: Workplace, clean: Callable[[Workplace], None]
) -> None:
    """Rows that arrived since the index caught up, whose own file or commit is gone, are not missed."""
    place.append([("sample", 4, "b")])
    place.compact()
    clean(place)
    place.reopen()

    assert is_whole_next(place)
    assert looked_up(place.tables) == read_whole(place.tables)


def test_an_index_ahead_of_a_restored_table_is_derived_anew(place: Workplace) -> None:
    """Another history that has grown as long holds other samples: those of the lost one never arrived."""
    place.back_up()
    place.append([("sample", 4, "b")])
    catch_up(place.tables)
    place.restore()
    place.append([("sample", 5, "b")])

    assert is_whole_next(place)
    assert looked_up(place.tables) == read_whole(place.tables)
    lost = arrival_row(0, 4, arrived="sample")["sample_id"]
    assert not place.tables.samples.index.find(SAMPLES, [sample_key(lost)])


def test_a_copied_index_is_derived_anew(place: Workplace) -> None:
    """A folder that was copied while goldloop wrote may hold half of an index."""
    shutil.copy(place.file, place.file.with_name("copy"))
    place.file.with_name("copy").replace(place.file)
    place.reopen()

    assert place.tables.samples.index.mark() is None
    assert looked_up(place.tables) == read_whole(place.tables)


def test_machines_that_share_a_folder_have_an_index_each(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's files are for one machine; each index says what the table says."""
    monkeypatch.setattr(sqlite_index, "machine", lambda: "other")
    place.append([("sample", 4, "b")])
    place.reopen()

    assert looked_up(place.tables) == read_whole(place.tables)
    assert (place.file.parent / "other" / place.file.name).exists()
    monkeypatch.undo()
    place.reopen()
    assert looked_up(place.tables) == read_whole(place.tables)


def test_a_torn_index_is_derived_anew(place: Workplace) -> None:
    """A command that finds it torn when it begins goes on."""
    place.append([("sample", content, "b") for content in range(30)])
    place.tear_index()
    place.reopen()

    assert looked_up(place.tables) == read_whole(place.tables)


def test_an_index_that_is_damaged_meanwhile_is_named_and_removed(place: Workplace) -> None:
    """The command ends with what to do, and the next one derives the index anew."""
    index = place.tables.samples.index
    with closing(sqlite3.connect(place.file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    place.file.write_bytes(place.file.read_bytes()[:100] + b"\xff" * 20_000)

    with pytest.raises(StorageError, match=r"was damaged .* Run the same command again"):
        index.find(SAMPLES, [sample_key("0" * 64)])

    assert not place.file.exists()
    assert looked_up(place.tables) == read_whole(place.tables)


def catch_up_often(root: str, n: int) -> None:
    """Add samples, and let the index catch up after each, in a process of its own."""
    place = Workplace(Path(root))
    for number in range(10):
        place.append([("sample", n + number, "b")])
        catch_up(place.tables)


def test_two_processes_share_an_index(place: Workplace) -> None:
    """Both write the table and let the index catch up; it ends complete."""
    spawned = multiprocessing.get_context("spawn")
    both = [spawned.Process(target=catch_up_often, args=(str(place.root), n)) for n in (0, 15)]
    for process in both:
        process.start()
    for process in both:
        process.join()

    assert [process.exitcode for process in both] == [0, 0]
    assert looked_up(place.tables) == read_whole(place.tables)


def test_an_index_that_others_always_move_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says so instead of trying for ever."""
    tables = memory_tables()
    monkeypatch.setattr(tables.samples.index, "put", lambda *_, **__: False)

    with pytest.raises(TableConflictError, match="moved the index"):
        catch_up(tables)


def test_samples_of_this_pass_are_seen_before_and_after_they_are_settled() -> None:
    """In memory at first, then in the index, which takes them from the table."""
    tables = memory_tables()
    seen, row = SeenSamples(tables), arrival_row(0, 1, arrived="sample")
    key = sample_key(str(row["sample_id"]))

    assert key not in seen
    seen.add(key)
    assert key in seen
    tables.samples.append([row])
    seen.settle()
    assert key in seen
    assert tables.samples.index.find(SAMPLES, [key]) == {key}


def test_processes_that_make_the_index_at_one_moment_wait_for_each_other(tmp_path: Path) -> None:
    """Shards start together on a new workspace; none of them ends because another holds the new file."""
    for number in range(30):
        path, start = tmp_path / f"{number}" / "index.sqlite", Barrier(4)

        def opened(path: Path = path, start: Barrier = start) -> int:
            index = sqlite_index.SqliteIndex(path)
            start.wait()
            return index.generation()

        with ThreadPoolExecutor(4) as pool:
            assert [one.result() for one in [pool.submit(opened) for _ in range(4)]] == [0] * 4
