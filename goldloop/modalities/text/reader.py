"""The reader of texts: what a row with an `id` and a `text` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.rows.files import once_each
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.reader import RowReader, RowSample
from goldloop.modalities.text.fingerprint import fingerprint_of
from goldloop.modalities.text.posts import AUTHOR, COLUMNS, post_of
from goldloop.modalities.text.store import TextStore


class TextReader(RowReader):
    """Reads texts. The payload is the text in Unicode's normal form C; further columns are metadata.

    Of author and thread_id the metadata hold pseudonyms.
    """

    def __init__(self, store: TextStore, pseudonym: Pseudonyms, keep_apart: str = AUTHOR) -> None:
        """Keep texts in `store`; `keep_apart` is the column whose texts never train and judge at once."""
        self.store, self._pseudonym, self._keep_apart = store, pseudonym, keep_apart

    def check_header(self, columns: Sequence[str]) -> None:
        """Check that a file has `id` and `text` once each."""
        once_each(columns, COLUMNS)

    def sample_of(self, fields: Mapping[str, Any]) -> RowSample:
        """Return what a row says."""
        post = post_of(fields, self._pseudonym)
        entity = post.entity(self._keep_apart)
        decoded = Decoded(post.text, fingerprint_of(post.text), dict(post.metadata), entity)
        return RowSample(post.text, decoded, post.context.kept)

    def keep(self, contents: Mapping[SampleId, str], beside: Mapping[SampleId, str]) -> None:
        """Keep texts."""
        self.store.rows.add(contents, beside)

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept text."""
        return self.store.load(sample_id)
