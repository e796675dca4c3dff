"""The content store of rows: one SQLite file, written as rows arrive."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from goldloop.core.disk import disk_errors, force_folder, make_folder
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.modalities.rows.row import Reason

_WAIT_S = 60  # for another process that is writing
_PAGE = 500  # rows of one query
_CONTENT, _BESIDE = "content", "beside"
_BEFORE = {_CONTENT: "texts", _BESIDE: "contexts"}
"""The tables of older workspaces, which were ordered by sample_id: they are read, and no longer written."""


class RowStore:
    """Contents by sample_id, and what stands beside them, in the file `path`.

    A file for each row would take 4 KB and a directory entry, a row here takes its own length. Rows lie in
    the order in which they arrived, beside an index of their digests: in the order of the digests, each would
    change a page of its own, and a million rows took seven times as long. `what` names the contents in
    messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what = path, what

    def add(self, contents: Mapping[SampleId, str], beside: Mapping[SampleId, str]) -> None:
        """Keep `contents` and `beside` in one transaction; what is there already stays as it is."""
        if not contents:
            return
        with disk_errors(f"keep {len(contents)} {self._what}s", self.path):
            make_folder(self.path.parent)
            is_new = not self.path.exists()
            self._insert({_CONTENT: contents, _BESIDE: beside})
            if is_new:
                force_folder(self.path.parent)

    def _insert(self, kept: Mapping[str, Mapping[SampleId, str]]) -> None:
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection, connection:
            connection.execute("PRAGMA synchronous=EXTRA")  # a commit survives a power cut
            for table, contents in kept.items():
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (sample_id BLOB PRIMARY KEY, text BLOB NOT NULL)"
                )
                rows = [(bytes.fromhex(sample_id), text.encode()) for sample_id, text in contents.items()]
                connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows)

    def content(self, sample_id: SampleId) -> str:
        """Return what a kept sample says.

        Raises:
            UnreadableSampleError: it is not in the store, or was altered.
        """
        row = self._row(_CONTENT, sample_id)
        if row is None or sample_id_of(row) != sample_id:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact {self._what} of sample {sample_id} in {self.path}; restore the file from a "
                "backup",
            )
        return row.decode()

    def contents(self, sample_ids: Sequence[SampleId]) -> dict[SampleId, str]:
        """Return what kept samples say, in the order given, without those that are gone or were altered."""
        found: dict[SampleId, bytes] = {}
        if sample_ids and self.path.exists():
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection:
                for first in range(0, len(sample_ids), _PAGE):
                    page = sample_ids[first : first + _PAGE]
                    found |= _found_all(connection, _BEFORE[_CONTENT], {one: one for one in page})
                    found |= _found_all(connection, _CONTENT, {bytes.fromhex(one): one for one in page})
        intact = (one for one in sample_ids if one in found and sample_id_of(found[one]) == one)
        return {one: found[one].decode() for one in intact}

    def beside(self, sample_id: SampleId) -> str:
        """Return what stood beside a sample when it arrived first; "" where nothing did."""
        row = self._row(_BESIDE, sample_id)
        return "" if row is None else row.decode()

    def _row(self, table: str, sample_id: SampleId) -> bytes | None:
        """Return what a table holds of a sample, the older one first; None where neither does."""
        try:
            if not self.path.exists():
                return None
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection:
                older = _found(connection, _BEFORE[table], sample_id)
                return _found(connection, table, bytes.fromhex(sample_id)) if older is None else older
        except sqlite3.Error as error:
            raise UnreadableSampleError(Reason.UNREADABLE, f"{self.path} cannot be read: {error}") from error


def _found(connection: sqlite3.Connection, table: str, key: str | bytes) -> bytes | None:
    query = f"SELECT CAST(text AS BLOB) FROM {table} WHERE sample_id = ?"
    try:
        row = connection.execute(query, (key,)).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return None if row is None else bytes(row[0])


def _found_all(
    connection: sqlite3.Connection, table: str, keys: Mapping[Any, SampleId]
) -> dict[SampleId, bytes]:
    """Return what a table holds under `keys`, by what each stands for; nothing where there is no table."""
    marks = ", ".join("?" * len(keys))
    query = f"SELECT sample_id, CAST(text AS BLOB) FROM {table} WHERE sample_id IN ({marks})"
    try:
        rows = connection.execute(query, list(keys)).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise
    return {keys[key]: bytes(text) for key, text in rows}
