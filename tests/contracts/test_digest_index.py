"""The index of a table: entries and mark move together, in SQLite and in memory alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldloop.adapters import sqlite_index
from goldloop.adapters.memory import MemoryIndex
from goldloop.adapters.sqlite_index import SqliteIndex
from goldloop.core.digest_index import DigestIndex, Entries

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


@pytest.fixture(params=["sqlite", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], DigestIndex]:
    """Return what opens the index once more, as another process would."""
    if request.param == "sqlite":
        return lambda: SqliteIndex(tmp_path / "index" / "samples.sqlite")
    index = MemoryIndex()
    return lambda: index


def of(*digests: bytes, **notes: str) -> list[Entries]:
    """Return entries of the set `files`."""
    return [Entries({"files": digests}, notes)]


def test_a_new_index_is_empty(opened: Callable[[], DigestIndex]) -> None:
    """It has no mark, holds nothing, and can be asked for any set."""
    index = opened()

    assert index.mark() is None
    assert index.find("files", [A]) == set()
    assert index.count("files") == 0
    assert index.notes() == {}


def test_what_one_process_puts_another_finds(opened: Callable[[], DigestIndex]) -> None:
    """Digests in their set, notes by their name, of which the last counts, and the mark."""
    parts = [Entries({"files": [A, B, A], "samples": [C]}, {"x": "old"}), Entries(notes={"x": "new"})]

    assert opened().put(parts, "1", after=None, is_whole=True)

    other = opened()
    assert other.mark() == "1"
    assert other.find("files", [A, B, C, b"d" * 16]) == {A, B}
    assert other.find("samples", [A, C]) == {C}
    assert (other.count("files"), other.count("samples")) == (2, 1)
    assert other.notes() == {"x": "new"}


def test_many_digests_are_looked_up_at_once(opened: Callable[[], DigestIndex]) -> None:
    """More than one query holds, repeated ones included."""
    index = opened()
    keys = [number.to_bytes(16) for number in range(1000)]
    index.put(of(*keys[::2]), "1", after=None, is_whole=True)

    assert index.find("files", [*keys, *keys]) == set(keys[::2])


def test_entries_are_added_to_those_before(opened: Callable[[], DigestIndex]) -> None:
    """The generation tells which were there when; a digest that is put again was there before."""
    index = opened()
    index.put(of(A), "1", after=None, is_whole=True)
    before = index.generation()
    index.put(of(A, B, one="note"), "2", after="1", is_whole=False)

    assert index.mark() == "2"
    assert index.find("files", [A, B, C]) == {A, B}
    assert index.find("files", [A, B, C], until=before) == {A}
    assert index.notes() == {"one": "note"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.lists(st.integers(0, 25), max_size=8), st.booleans()), max_size=8))
def test_recent_entries_count_as_those_of_the_set(puts: list[tuple[list[int], bool]]) -> None:
    """SQLite keeps a few apart until they are many; what is found, and since when, is the same."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(sqlite_index, "_FEW", 3)
        patch.setattr(sqlite_index, "_MOST_RECENT", 5)
        ours, memory = SqliteIndex(Path(folder) / "files.sqlite"), MemoryIndex()
        keys = [number.to_bytes(16) for number in range(26)]
        for number, (digests, is_whole) in enumerate(puts):
            for index in (ours, memory):
                entries = of(*[keys[one] for one in digests])
                assert index.put(entries, str(number), after=index.mark(), is_whole=is_whole)
            assert ours.count("files") == memory.count("files")
            for until in (None, *range(memory.generation() + 1)):
                assert ours.find("files", keys, until=until) == memory.find("files", keys, until=until)


def test_a_whole_table_replaces_all_entries(opened: Callable[[], DigestIndex]) -> None:
    """Nothing of another history is left, notes included."""
    index = opened()
    index.put(of(A, gone="note"), "1", after=None, is_whole=True)

    assert index.put(of(B), "2", after="1", is_whole=True)

    assert index.find("files", [A, B]) == {B}
    assert index.notes() == {}


def test_entries_after_another_mark_are_refused(opened: Callable[[], DigestIndex]) -> None:
    """Another process was first: the index stays as that one left it."""
    mine, other = opened(), opened()
    mine.put(of(A), "1", after=None, is_whole=True)
    other.put(of(B), "2", after="1", is_whole=False)

    assert not mine.put(of(C), "2 of mine", after="1", is_whole=False)
    assert not mine.put(of(C), "2 of mine", after=None, is_whole=True)

    assert mine.mark() == "2"
    assert mine.find("files", [A, B, C]) == {A, B}


def test_an_error_among_the_entries_changes_nothing(opened: Callable[[], DigestIndex]) -> None:
    """A data file that cannot be read must not leave half of its table."""
    index = opened()
    index.put(of(A), "1", after=None, is_whole=True)

    def broken() -> list[Entries]:
        yield from of(B)  # type: ignore[misc]
        raise OSError("a broken file")

    with pytest.raises(OSError, match="broken file"):
        index.put(broken(), "2", after="1", is_whole=True)

    assert index.mark() == "1"
    assert index.find("files", [A, B]) == {A}
    assert index.put(of(C), "2", after="1", is_whole=False)
