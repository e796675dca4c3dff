"""The index of a table in an SQLite file, which may be removed at any moment: it is then derived again."""

from __future__ import annotations

import socket
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import quote

from goldloop.core.digest_index import Entries
from goldloop.core.disk import disk_errors, make_folder, write_first
from goldloop.core.errors import StorageError

_FORMAT = 2  # of the file; one of another format is derived anew
_WAIT_S = 60  # for another process that is writing
_CACHE_KB = 4096
_AT_ONCE = 128  # digests of one query
_SET = "CREATE TABLE IF NOT EXISTS {0} (digest BLOB PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID"
_NEW = "CREATE TEMP TABLE {0} (digest BLOB NOT NULL)"
_MERGE = "INSERT OR IGNORE INTO main.set_{0} SELECT digest, ? FROM temp.set_{0} ORDER BY digest"
"""Entries are collected as they come and merged in the order of digests, which changes each page once: in any
other order, each digest would change a page of its own."""

_ADD = (
    "INSERT OR IGNORE INTO main.recent_{0} SELECT digest, ? FROM temp.set_{0} AS new "
    "WHERE NOT EXISTS (SELECT 1 FROM main.set_{0} AS old WHERE old.digest = new.digest) ORDER BY digest"
)
_MOVE = "INSERT OR IGNORE INTO main.set_{0} SELECT digest, generation FROM main.recent_{0} ORDER BY digest"
_FEW, _MOST_RECENT = 8192, 65_536
"""A few entries would change a page of a large set each, so they wait in a small one until they are many."""


def machine() -> str:
    """Return the name of this machine, as part of a path."""
    return quote(socket.gethostname(), safe="")


def place_on_this_machine(path: Path) -> Path:
    """Return where this machine has the index `path`: there if it was the first, else in a folder of its own.

    Machines that share a folder cannot share a file of SQLite's: its locks and its shared memory are of one.
    """
    first = path.parent / "machine"
    if not first.exists():
        make_folder(path.parent)
        write_first(first, machine())
    with disk_errors("read the index of a table", first):
        is_first = first.read_text() == machine()
    return path if is_first else path.parent / machine() / path.name


class SqliteIndex:
    """The index in the file `path`. Satisfies `goldloop.core.digest_index.DigestIndex`.

    Entries and mark are written in one transaction, and readers do not wait for a writer. A file that SQLite
    finds damaged is removed, and a copy is not trusted, because it may have been made in the middle of a
    write: the index is then empty.
    """

    def __init__(self, path: Path) -> None:
        self._asked = path
        self._lock = RLock()
        self._connected: sqlite3.Connection | None = None

    @cached_property
    def path(self) -> Path:
        """The file on this machine."""
        return place_on_this_machine(self._asked)

    def mark(self) -> str | None:
        """Return the mark of the commit up to which the index is complete; None where it is empty."""
        with self._lock:
            if not self.path.exists():
                self._close()
            try:
                with self._used("read") as connection:
                    return _state(connection, "mark")
            except StorageError:
                if self._connected is not None or self.path.exists():
                    raise
                return None  # it was damaged

    def put(self, parts: Iterable[Entries], mark: str, *, after: str | None, is_whole: bool) -> bool:
        """Add entries, after which the index is complete up to `mark`: all of them, or none; see the port."""
        with self._used("write") as connection, _collected(connection, parts) as (names, notes):
            with _transaction(connection):
                if _state(connection, "mark") != after:
                    return False
                if is_whole:
                    _clear(connection)
                generation = 0 if is_whole else int(_state(connection, "generation") or 0) + 1
                for name in names:
                    _merge(connection, name, generation)
                connection.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())
                state = {"generation": str(generation), "mark": mark}
                connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", state.items())
            return True

    def generation(self) -> int:
        """Return how often entries were put since the index was derived from a whole table."""
        with self._used("read") as connection:
            return int(_state(connection, "generation") or 0)

    def find(self, name: str, digests: Sequence[bytes], *, until: int | None = None) -> set[bytes]:
        """Return those of `digests` that are in the set `name`, and were there in generation `until`."""
        found: set[bytes] = set()
        condition = "" if until is None else f" AND generation <= {until:d}"
        with self._used("read") as connection:
            for first in range(0, len(digests), _AT_ONCE):
                page = digests[first : first + _AT_ONCE]
                marks = ", ".join("?" * len(page))
                for table in (f"set_{name}", f"recent_{name}"):
                    query = f"SELECT digest FROM {table} WHERE digest IN ({marks}){condition}"
                    found.update(row[0] for row in _rows(connection, query, page))
        return found

    def count(self, name: str) -> int:
        """Return the number of digests in the set `name`."""
        with self._used("read") as connection:
            return _count(connection, f"set_{name}") + _count(connection, f"recent_{name}")

    def notes(self) -> dict[str, str]:
        """Return all notes."""
        with self._used("read") as connection:
            return dict(connection.execute("SELECT name, text FROM notes"))

    @contextmanager
    def _used(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Yield the connection, which no other thread uses meanwhile.

        Raises:
            StorageError: the disk refused it, or the file is damaged, which is then removed.
        """
        with self._lock, disk_errors(f"{doing} the index of a table", self.path):
            try:
                yield self._connection()
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # those of other kinds are no damage
                    raise
                self._discard()
                raise StorageError(
                    f"the index {self.path} was damaged ({error}) and is removed; it only repeats what a "
                    "table holds. Run the same command again, which derives it anew"
                ) from error

    def _connection(self) -> sqlite3.Connection:
        if self._connected is None:
            make_folder(self.path.parent)
            connection = sqlite3.connect(
                self.path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, connection.close)
            _prepare(connection, str(self.path.stat().st_ino))
            self._connected = connection
        return self._connected

    def _discard(self) -> None:
        """Remove the file; another process that has it open keeps it whole for itself."""
        self._close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._connected is not None:
            self._connected.close()
        self._connected = None


def _prepare(connection: sqlite3.Connection, inode: str) -> None:
    """Make the tables of a new file; a file of another format, or a copy of one in use, begins anew."""
    _keep_log_beside(connection)
    connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may take the newest entries with their mark
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
    connection.execute("PRAGMA journal_size_limit=0")
    with _transaction(connection):
        is_ours = connection.execute("PRAGMA user_version").fetchone()[0] == _FORMAT
        if is_ours and _state(connection, "inode") == inode:
            return
        for name in _tables(connection):
            connection.execute(f'DROP TABLE "{name}"')
        for name in ("notes", "state"):
            connection.execute(f"CREATE TABLE {name} (name TEXT PRIMARY KEY, text TEXT NOT NULL)")
        connection.execute("INSERT INTO state VALUES ('inode', ?)", (inode,))
        connection.execute(f"PRAGMA user_version={_FORMAT}")


def _keep_log_beside(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once; SQLite does not wait here for another who makes the file."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _rows(connection: sqlite3.Connection, query: str, values: Sequence[bytes] = ()) -> list[tuple[Any, ...]]:
    """Return the answer to a query of a set; a set without entries has no table."""
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def _merge(connection: sqlite3.Connection, name: str, generation: int) -> None:
    """Add the collected entries of a set: a few to the recent ones, which join the set when they are many."""
    for table in (f"set_{name}", f"recent_{name}"):
        connection.execute(_SET.format(f"main.{table}"))
    if _count(connection, f"temp.set_{name}") <= _FEW:
        connection.execute(_ADD.format(name), (generation,))
        if _count(connection, f"main.recent_{name}") <= _MOST_RECENT:
            return
    connection.execute(_MOVE.format(name))
    connection.execute(f"DELETE FROM main.recent_{name}")
    connection.execute(_MERGE.format(name), (generation,))


def _count(connection: sqlite3.Connection, table: str) -> int:
    return sum(n for (n,) in _rows(connection, f"SELECT count(*) FROM {table}"))


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _clear(connection: sqlite3.Connection) -> None:
    for name in _tables(connection):
        if name != "state":
            connection.execute(f"DELETE FROM main.{name}")


def _state(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT text FROM state WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _collected(
    connection: sqlite3.Connection, parts: Iterable[Entries]
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield the sets whose digests temporary tables hold, and the notes, of which the last counts."""
    names: list[str] = []
    notes: dict[str, str] = {}
    try:
        for part in parts:
            for name, digests in part.digests.items():
                if name not in names:
                    names.append(name)
                    connection.execute(_NEW.format(f"set_{name}"))
                rows = ((one,) for one in digests)
                with _transaction(connection, "BEGIN"):
                    connection.executemany(f"INSERT INTO temp.set_{name} VALUES (?)", rows)
            notes |= part.notes
        yield names, notes
    finally:
        for name in names:
            connection.execute(f"DROP TABLE IF EXISTS temp.set_{name}")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Commit what the block writes, or nothing of it."""
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
