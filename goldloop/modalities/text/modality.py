"""Texts as one kind of samples: a row each, shown to annotators as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Features, Modality, Preview
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.text.fingerprint import MAX_DISTANCE
from goldloop.modalities.text.posts import AUTHOR
from goldloop.modalities.text.reader import TextReader
from goldloop.modalities.text.store import TextStore

PREVIEW_CHARS = 280
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class TextModality:
    """Texts kept in the file `path`. Satisfies `goldloop.core.modality.Modality`.

    `featured` turns texts into the features that the models of a preset take, where it has a frozen backbone.
    """

    kind = "text"
    max_distance = MAX_DISTANCE
    has_stakes = False

    def __init__(
        self,
        path: Path,
        pseudonym: Pseudonyms | None = None,
        featured: Callable[[str, Modality], Modality] = lambda _, texts: texts,
        *,
        keep_apart: str = AUTHOR,
    ) -> None:
        """Keep texts in `path`; `pseudonym` returns what stands for names, `keep_apart` is for the reader."""
        self.store = TextStore(path)
        self.reader = TextReader(self.store, pseudonym or Pseudonyms(), keep_apart)
        self._featured = featured

    def for_preset(self, preset: str) -> Modality:
        """Return the same texts as the models of `preset` take them: as they are, or beside features."""
        return self._featured(preset, self)

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return nothing: models take these texts as they are."""
        return {}

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return nothing: annotators are not shown others."""
        return []

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the text, and what stands beside it as HTML.

        Control characters, which databases refuse, come as replacement characters.
        """
        text, context = self.store.text(task.sample_id), self.store.context(task.sample_id)
        return {"text": _shown(text), "context": _shown(context.html)}

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return the beginning of the text on one line; every text is in the store."""
        try:
            text = " ".join(self.store.text(sample_id).split())
        except UnreadableSampleError:
            return None
        return Preview(text=text if len(text) <= PREVIEW_CHARS else f"{text[: PREVIEW_CHARS - 1]}…")

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return the text."""
        return {"text": self.store.text(sample_id)}


def _shown(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", lines)
