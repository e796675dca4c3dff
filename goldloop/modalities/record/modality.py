"""Records as one kind of samples: a row each, shown to annotators field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Features, Modality, Preview
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask
from goldloop.modalities.record.reader import RecordReader
from goldloop.modalities.record.screen import record_html, record_text
from goldloop.modalities.record.store import RecordStore
from goldloop.modalities.rows.pseudonyms import Pseudonyms

PREVIEW_CHARS = 280


class RecordModality:
    """Records of `form` kept in the file `path`. Satisfies `goldloop.core.modality.Modality`.

    They have no near-duplicates: records that are alike say the same of different events.
    """

    kind = "records"
    max_distance = 0

    def __init__(self, path: Path, form: RecordForm, pseudonym: Pseudonyms | None = None) -> None:
        """Keep records in `path`; `pseudonym` returns what stands for the names of entities."""
        self.form = form
        self.store = RecordStore(path, form)
        self.reader = RecordReader(self.store, form, pseudonym or Pseudonyms())

    @property
    def has_stakes(self) -> bool:
        """Whether the form names what is at stake."""
        return self.form.stake is not None

    def for_preset(self, preset: str) -> Modality:
        """Return the same records: all models take them alike."""
        return self

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return nothing: models take these records as they are."""
        return {}

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the record as HTML."""
        return {"records": record_html(self.store.record(task.sample_id), self.form)}

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return the record on one line; every record is in the store."""
        try:
            text = record_text(self.store.record(sample_id), self.form)
        except UnreadableSampleError:
            return None
        return Preview(text=text if len(text) <= PREVIEW_CHARS else f"{text[: PREVIEW_CHARS - 1]}…")

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return the record's id and its fields."""
        record = self.store.record(sample_id)
        return {"id": record.id} | {
            name: "" if (value := record.values.get(name)) is None else str(value)
            for name in self.form.fields
        }
