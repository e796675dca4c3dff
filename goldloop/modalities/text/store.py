"""The content store of texts: one SQLite file, written as texts arrive."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from goldloop.core.disk import Write, disk_errors, force_folder, make_folder, write_whole
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.text.csv_jsonl import Reason
from goldloop.modalities.text.fingerprint import fingerprint_of

_WAIT_S = 60  # for another process that is writing


class TextStore:
    """Texts by sample_id in the file `path`. Satisfies `goldloop.core.ports.ContentStore`.

    A file for each text would take 4 KB and a directory entry, a row here takes its own length.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, texts: Mapping[SampleId, str]) -> None:
        """Keep `texts` in one transaction; what is there already stays as it is."""
        if not texts:
            return
        with disk_errors(f"keep {len(texts)} texts", self.path):
            make_folder(self.path.parent)
            is_new = not self.path.exists()
            self._insert(texts)
            if is_new:
                force_folder(self.path.parent)

    def _insert(self, texts: Mapping[SampleId, str]) -> None:
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection, connection:
            connection.execute("PRAGMA synchronous=EXTRA")  # a commit survives a power cut
            connection.execute(
                "CREATE TABLE IF NOT EXISTS texts (sample_id TEXT PRIMARY KEY, text BLOB NOT NULL)"
                " WITHOUT ROWID"
            )
            rows = [(sample_id, text.encode()) for sample_id, text in texts.items()]
            connection.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", rows)

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
        query = "SELECT CAST(text AS BLOB) FROM texts WHERE sample_id = ?"
        row = None
        try:
            if self.path.exists():
                with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as connection:
                    row = connection.execute(query, (sample_id,)).fetchone()
        except sqlite3.Error as error:
            raise UnreadableSampleError(Reason.UNREADABLE, f"{self.path} cannot be read: {error}") from error
        if row is None or sample_id_of(row[0]) != sample_id:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact text of sample {sample_id} in {self.path}; restore the file from a backup",
            )
        return bytes(row[0]).decode()

    def file(self, sample_id: SampleId) -> Path | None:
        """Return None: no text has a file of its own."""
        return None
