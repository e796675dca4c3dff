"""The content store of texts: what each says, and the context that stood beside it."""

from __future__ import annotations

import json
from pathlib import Path

from goldloop.core.disk import Write, write_whole
from goldloop.core.samples import Decoded, SampleId
from goldloop.modalities.rows.store import RowStore
from goldloop.modalities.text.fingerprint import fingerprint_of
from goldloop.modalities.text.posts import Context, Said


class TextStore:
    """Texts by sample_id in the file `path`. Satisfies `goldloop.core.ports.ContentStore`."""

    def __init__(self, path: Path) -> None:
        self.rows = RowStore(path, "text")

    @property
    def path(self) -> Path:
        """The file."""
        return self.rows.path

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Check that the text is here, as it was kept when it arrived from `uri`; a browser needs no path."""
        self.text(sample_id)
        return ""

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept text, as on arrival except for its metadata."""
        text = self.text(sample_id)
        return Decoded(text, fingerprint_of(text))

    def text(self, sample_id: SampleId) -> str:
        """Return what a kept sample says; raises UnreadableSampleError where it is not there, or altered."""
        return self.rows.content(sample_id)

    def context(self, sample_id: SampleId) -> Context:
        """Return what stood beside a text when it arrived first; an empty one where nothing did."""
        kept = self.rows.beside(sample_id)
        if not kept:
            return Context()
        found = json.loads(kept)
        return Context(found["about"], tuple(Said(**one) for one in found["thread"]))

    def file(self, sample_id: SampleId) -> Path | None:
        """Return None: no text has a file of its own."""
        return None
