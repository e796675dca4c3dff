"""The reader of records: what a row with an `id` and the fields of its form says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from goldloop.core.record_form import RecordForm
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.record.fields import check_columns, record_of
from goldloop.modalities.record.store import RecordStore
from goldloop.modalities.rows.files import once_each
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.reader import RowReader, RowSample


class RecordReader(RowReader):
    """Reads records. The payload is what models learn from: values by field."""

    def __init__(self, store: RecordStore, form: RecordForm, pseudonym: Pseudonyms) -> None:
        """Keep records in `store`; `pseudonym` returns what stands for the name of an entity."""
        self.store, self._form, self._pseudonym = store, form, pseudonym

    def check_header(self, columns: Sequence[str]) -> None:
        """Check that a file has `id` once, each field at most once, and no column that nobody named."""
        once_each(columns, ["id", *(name for name in self._form.fields if name in columns)])
        check_columns(columns, self._form)

    def sample_of(self, fields: Mapping[str, Any]) -> RowSample:
        """Return what a row says."""
        record = record_of(fields, self._form, self._pseudonym)
        metadata: dict[str, str | int | float] = {"id": record.id}
        entity = None if record.entity is None else f"{self._form.entity}:{record.entity}"
        stake = self.store.stake(record)
        return RowSample(record.canonical, Decoded(self.store.payload(record), None, metadata, entity, stake))

    def keep(self, contents: Mapping[SampleId, str], beside: Mapping[SampleId, str]) -> None:
        """Keep records."""
        self.store.rows.add(contents, beside)

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept record."""
        return self.store.load(sample_id)
