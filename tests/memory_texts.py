"""Text samples in a dict: their reader, scorer and store, all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goldloop.core.disk import Write, write_whole
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.labels import LabelSet
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE, Features, Preview
from goldloop.core.ports import Scores
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId, sample_id_of
from goldloop.core.tasks import NewTask

LABELS = LabelSet(("ham", "spam"))


class TextReader:
    """Reads samples from a dict of uri -> text; a text `!reason` is a file in quarantine for that reason."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.reads: list[str] = []

    def files(self, source: str) -> Iterator[FileRef]:
        """Yield all texts, whatever the source."""
        for uri, text in sorted(self.texts.items()):
            yield FileRef(uri, len(text), text)

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Yield the unknown texts."""
        return self.of(self.files(source), is_known=is_known)

    def of(self, files: Iterable[FileRef], *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Yield the unknown ones of `files`."""
        return (self.read(file) for file in files if not is_known(file))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield the texts of `samples`."""
        return (self.read(file) for _, file in samples)

    def cases(self, source: str) -> Iterator[Arrival]:
        """Yield all texts; nothing is expected of them."""
        return map(self.read, self.files(source))

    def read(self, file: FileRef) -> Arrival:
        """Return the text, or its reason."""
        self.reads.append(file.uri)
        text = self.texts.get(file.uri, "!unreadable")
        sample_id = sample_id_of(text.encode())
        if text.startswith("!"):
            return Arrival(file, sample_id, reason=text[1:], detail=f"{file.uri} is {text[1:]}")
        return Arrival(file, sample_id, Decoded(text))


class LengthScorer:
    """Predicts `spam` with probability len(text) / 100."""

    preset, labels = "length", LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        spam = np.array([min(len(text), 100) / 100 for text in payloads])
        return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 1), dtype=np.float32))


class TextStore:
    """Keeps texts by sample_id."""

    def __init__(self, reader: TextReader) -> None:
        self.reader = reader
        self.kept: dict[SampleId, str] = {}

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Keep the text at `uri` if it still is that sample."""
        text = self.reader.texts.get(uri, "")
        if sample_id_of(text.encode()) != sample_id:
            raise UnreadableSampleError("unreadable", f"{uri} is gone or changed")
        self.kept[sample_id] = text
        return f"{sample_id}.txt"

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept text if it still is that sample."""
        text = self.kept.get(sample_id)
        if text is None or sample_id_of(text.encode()) != sample_id:
            raise UnreadableSampleError("unreadable", f"no intact text of sample {sample_id}")
        return Decoded(text)


@dataclass(frozen=True)
class MemoryTexts:
    """The texts of a dict as a kind of samples. Satisfies `goldloop.core.modality.Modality`."""

    reader: TextReader
    store: TextStore
    kind: str = "text"
    max_distance: int = MAX_FINGERPRINT_DISTANCE
    has_stakes: bool = False

    def for_preset(self, preset: str) -> MemoryTexts:
        """Return the same texts."""
        return self

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return nothing."""
        return {}

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return nothing: texts have no time."""
        return []

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the text itself."""
        return {"text": self.store.kept[task.sample_id]}

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return the text, if it was kept or is at one of `uris`."""
        texts = (self.store.kept.get(sample_id), *(self.reader.texts.get(uri) for uri in uris))
        text = next((text for text in texts if text is not None), None)
        return None if text is None else Preview(text=text)

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return the text."""
        return {"text": self.store.kept[sample_id]}
