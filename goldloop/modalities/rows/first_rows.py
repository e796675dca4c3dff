"""The first row with each id of a source, for sources of any length: most of them in a temporary file."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Mapping, Sequence

from goldloop.core.digests import digest
from goldloop.core.disk import disk_errors

MOST_IN_MEMORY = 32_768
"""Rows that wait in memory, where they take 5 MB, before they go to the file together."""

_AT_ONCE = 128  # places of one query
_CACHE_KB = 2048


class FirstRows:
    """What the first row with each uri holds, as digests of 16 bytes.

    The temporary file has no name, so that it goes with the process; a few thousand rows make none. Uris that
    ascend, by length and then by letter, are new and need no look-up; where they always do, as in most
    files, the rows are never put in order.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, bytes] = {}
        self._connected: sqlite3.Connection | None = None
        self._is_in_order = True
        self._highest = (0, "")

    def find(self, uris: Sequence[str]) -> dict[str, bytes]:
        """Return what the first rows with these uris hold, without uris that had no row yet."""
        asked = [uri for uri in uris if (len(uri), uri) <= self._highest]
        if not asked:
            return {}
        places = {digest(uri): uri for uri in asked}
        found = {uri: self._recent[place] for place, uri in places.items() if place in self._recent}
        if self._connected is not None:
            with disk_errors("look rows up in a temporary file"):
                found |= {places[place]: content for place, content in self._stored(list(places))}
        return found

    def add(self, contents: Mapping[str, bytes]) -> None:
        """Add the first rows with uris that had none."""
        for uri, content in contents.items():
            self._recent[digest(uri)] = content
            self._highest = max(self._highest, (len(uri), uri))
        if len(self._recent) >= MOST_IN_MEMORY:
            with disk_errors("keep what rows hold in a temporary file"):
                self._to_file()

    def _stored(self, places: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        connection, found = self._connection(), list[tuple[bytes, bytes]]()
        if not self._is_in_order:
            connection.execute("INSERT INTO first_rows SELECT * FROM new_rows ORDER BY place")
            connection.execute("DELETE FROM new_rows")
            self._is_in_order = True
        for first in range(0, len(places), _AT_ONCE):
            page = places[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(page))
            query = f"SELECT place, content FROM first_rows WHERE place IN ({marks})"
            found += connection.execute(query, page)
        return found

    def _to_file(self) -> None:
        connection = self._connection()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO new_rows VALUES (?, ?)", self._recent.items())
        connection.execute("COMMIT")
        self._recent, self._is_in_order = {}, False

    def _connection(self) -> sqlite3.Connection:
        if self._connected is None:
            self._connected = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            weakref.finalize(self, self._connected.close)
            for option in (f"cache_size=-{_CACHE_KB}", "journal_mode=OFF", "synchronous=OFF"):
                self._connected.execute(f"PRAGMA {option}")
            columns = "place BLOB PRIMARY KEY, content BLOB NOT NULL"
            self._connected.execute(f"CREATE TABLE first_rows ({columns}) WITHOUT ROWID")
            self._connected.execute("CREATE TABLE new_rows (place BLOB NOT NULL, content BLOB NOT NULL)")
        return self._connected
