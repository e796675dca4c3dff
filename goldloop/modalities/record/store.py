"""The content store of records: the canonical row of each, by which it has its identity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from goldloop.core.disk import Write, write_whole
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.record.fields import Record, record_from
from goldloop.modalities.record.payload import Payload, payload_of
from goldloop.modalities.rows.store import RowStore


class RecordStore:
    """Records by sample_id in the file `path`. Satisfies `goldloop.core.ports.ContentStore`."""

    def __init__(self, path: Path, form: RecordForm) -> None:
        self.rows, self._form = RowStore(path, "record"), form

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Check that the record is here, as it was kept on arrival; a browser needs no path."""
        self.rows.content(sample_id)
        return ""

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept record, as on arrival except for its metadata and its entity."""
        record = self.record(sample_id)
        return Decoded(self.payload(record), stake=self.stake(record))

    def record(self, sample_id: SampleId) -> Record:
        """Return a kept record; raises UnreadableSampleError where it is not there, or altered."""
        return record_from(self.rows.content(sample_id))

    def records(self, sample_ids: Sequence[SampleId]) -> dict[SampleId, Record]:
        """Return those of the kept records that are there and intact."""
        return {one: record_from(text) for one, text in self.rows.contents(sample_ids).items()}

    def payload(self, record: Record) -> Payload:
        """Return what models learn from."""
        return payload_of(record, self._form)

    def stake(self, record: Record) -> float | None:
        """Return what is at stake, None where the form names no stake or the record does not tell it.

        A refund, which is below 0, puts as much at stake as a payment of its size.
        """
        value = record.values.get(self._form.stake) if self._form.stake else None
        return None if value is None else abs(float(value))

    def file(self, sample_id: SampleId) -> Path | None:
        """Return None: no record has a file of its own."""
        return None
