"""The content store of rows: one SQLite file, written as rows arrive."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from goldloop.core.disk import disk_errors, force_folder, make_folder
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.modalities.rows.files import Reason

_WAIT_S = 60  # for another process that is writing
_PAGE = 500  # rows of one query


class RowStore:
    """Contents by sample_id, and what stands beside them, in the file `path`.

    A file for each row would take 4 KB and a directory entry, a row here takes its own length. `what` names
    the contents in messages.
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
            self._insert({"texts": contents, "contexts": beside})
            if is_new:
                force_folder(self.path.parent)

    def _insert(self, kept: Mapping[str, Mapping[SampleId, str]]) -> None:
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection, connection:
            connection.execute("PRAGMA synchronous=EXTRA")  # a commit survives a power cut
            for table, contents in kept.items():
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (sample_id TEXT PRIMARY KEY, text BLOB NOT NULL)"
                    " WITHOUT ROWID"
                )
                rows = [(sample_id, text.encode()) for sample_id, text in contents.items()]
                connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows)

    def content(self, sample_id: SampleId) -> str:
        """Return what a kept sample says.

        Raises:
            UnreadableSampleError: it is not in the store, or was altered.
        """
        row = self._row("texts", sample_id)
        if row is None or sample_id_of(row) != sample_id:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact {self._what} of sample {sample_id} in {self.path}; restore the file from a "
                "backup",
            )
        return row.decode()

    def contents(self, sample_ids: Sequence[SampleId]) -> dict[SampleId, str]:
        """Return what kept samples say, in the order given, without those that are gone or were altered."""
        found: dict[str, bytes] = {}
        if sample_ids and self.path.exists():
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection:
                for first in range(0, len(sample_ids), _PAGE):
                    page = sample_ids[first : first + _PAGE]
                    marks = ", ".join("?" * len(page))
                    query = f"SELECT sample_id, CAST(text AS BLOB) FROM texts WHERE sample_id IN ({marks})"
                    found |= dict(connection.execute(query, page))
        intact = (one for one in sample_ids if one in found and sample_id_of(found[one]) == one)
        return {one: found[one].decode() for one in intact}

    def beside(self, sample_id: SampleId) -> str:
        """Return what stood beside a sample when it arrived first; "" where nothing did."""
        row = self._row("contexts", sample_id)
        return "" if row is None else row.decode()

    def _row(self, table: str, sample_id: SampleId) -> bytes | None:
        """Return what a table holds of a sample; None where it, or the whole table, is not there."""
        query = f"SELECT CAST(text AS BLOB) FROM {table} WHERE sample_id = ?"
        try:
            if not self.path.exists():
                return None
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection:
                row = connection.execute(query, (sample_id,)).fetchone()
        except sqlite3.Error as error:
            if "no such table" in str(error):  # a workspace from before texts had contexts
                return None
            raise UnreadableSampleError(Reason.UNREADABLE, f"{self.path} cannot be read: {error}") from error
        return None if row is None else bytes(row[0])
