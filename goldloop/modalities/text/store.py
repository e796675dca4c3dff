"""The content store of texts: one SQLite file, written as texts arrive."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from goldloop.core.disk import Write, disk_errors, force_folder, make_folder, write_whole
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.text.fingerprint import fingerprint_of
from goldloop.modalities.text.posts import Context, Said
from goldloop.modalities.text.row_files import Reason

_WAIT_S = 60  # for another process that is writing


class TextStore:
    """Texts by sample_id in the file `path`. Satisfies `goldloop.core.ports.ContentStore`.

    A file for each text would take 4 KB and a directory entry, a row here takes its own length.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, texts: Mapping[SampleId, str], contexts: Mapping[SampleId, Context] | None = None) -> None:
        """Keep `texts` and their contexts in one transaction; what is there already stays as it is."""
        if not texts:
            return
        with disk_errors(f"keep {len(texts)} texts", self.path):
            make_folder(self.path.parent)
            is_new = not self.path.exists()
            self._insert(texts, contexts or {})
            if is_new:
                force_folder(self.path.parent)

    def _insert(self, texts: Mapping[SampleId, str], contexts: Mapping[SampleId, Context]) -> None:
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection, connection:
            connection.execute("PRAGMA synchronous=EXTRA")  # a commit survives a power cut
            for table, kept in (
                ("texts", texts),
                ("contexts", {key: json.dumps(asdict(one)) for key, one in contexts.items()}),
            ):
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (sample_id TEXT PRIMARY KEY, text BLOB NOT NULL)"
                    " WITHOUT ROWID"
                )
                rows = [(sample_id, text.encode()) for sample_id, text in kept.items()]
                connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows)

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Check that the text is here, as it was kept when it arrived from `uri`; a browser needs no path."""
        self.text(sample_id)
        return ""

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept text, as on arrival except for its metadata."""
        text = self.text(sample_id)
        return Decoded(text, fingerprint_of(text))

    def text(self, sample_id: SampleId) -> str:
        """Return what a kept sample says.

        Raises:
            UnreadableSampleError: it is not in the store, or was altered.
        """
        row = self._row("texts", sample_id)
        if row is None or sample_id_of(row) != sample_id:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact text of sample {sample_id} in {self.path}; restore the file from a backup",
            )
        return row.decode()

    def context(self, sample_id: SampleId) -> Context:
        """Return what stood beside a text when it arrived first; an empty one where nothing did."""
        row = self._row("contexts", sample_id)
        if row is None:
            return Context()
        found = json.loads(row)
        return Context(found["about"], tuple(Said(**one) for one in found["thread"]))

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

    def file(self, sample_id: SampleId) -> Path | None:
        """Return None: no text has a file of its own."""
        return None
