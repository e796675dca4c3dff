"""Records as one kind of samples: a row each, shown to annotators field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Features, Modality, Preview
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.record.page import record_html
from goldloop.modalities.record.reader import RecordReader
from goldloop.modalities.record.screen import record_text
from goldloop.modalities.record.store import RecordStore
from goldloop.modalities.rows.pseudonyms import Pseudonyms

PREVIEW_CHARS = 280
MOST_OTHERS = 1000
"""Records of an entity among which those before a record are looked for."""


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

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return the `n` newest of `others` from before a record; equal times go by sample_id.

        Of more than MOST_OTHERS the last are looked at.
        """
        if self.form.time is None:
            return []
        known = self.store.records([*others[-MOST_OTHERS:], sample_id])
        moment = known[sample_id].values.get(self.form.time) if sample_id in known else None
        moments = {one: str(record.values.get(self.form.time, "")) for one, record in known.items()}
        earlier = [(at, one) for one, at in moments.items() if moment and "" < at < str(moment)]
        return [one for _, one in sorted(earlier, reverse=True)[:n]]

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the record as HTML, with what the annotator may know beside it."""
        kept = self.store.records(list(task.earlier))
        earlier = [(kept[one], label) for one, label in task.earlier.items() if one in kept]
        is_unhurried = task.purpose in (Purpose.FULL, Purpose.APPEAL, Purpose.ADJUDICATION)
        html = record_html(
            self.store.record(task.sample_id),
            self.form,
            earlier=earlier,
            assessment=task.assessment,
            is_unhurried=is_unhurried,
        )
        return {"records": html}

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
