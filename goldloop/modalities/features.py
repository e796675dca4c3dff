"""Samples as features: what a frozen backbone makes of each is computed once, kept, and read from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.disk import Write, write_whole
from goldloop.core.modality import Features, Modality, Preview
from goldloop.core.ports import Backbone, ContentStore, FeatureStore, Reader
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId
from goldloop.core.tasks import NewTask

CHUNK = 64  # decoded samples that a backbone gets at a time
READ_TOGETHER = 4096  # samples whose features are in memory at a time


@dataclass(frozen=True, slots=True)
class WithFeatures:
    """What a sample decodes to for models that take its content beside its features, (n_features,)."""

    content: Any
    features: npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Featured:
    """The features that a backbone has computed so far; it is opened when more are needed.

    A payload is the features alone, or `WithFeatures` where models take the content too.
    """

    open_backbone: Callable[[], Backbone]
    kept: FeatureStore
    takes_content: bool = False

    def of(self, decoded: Mapping[SampleId, Decoded]) -> dict[SampleId, Decoded]:
        """Return decoded samples with their features as payload; those that are not kept are computed."""
        found = ((sample_id, self.kept.get(sample_id)) for sample_id in decoded)
        rows = {sample_id: row for sample_id, row in found if row is not None}
        missing = [sample_id for sample_id in decoded if sample_id not in rows]
        if missing:
            computed = self.open_backbone().features([decoded[sample_id].payload for sample_id in missing])
            made = dict(zip(missing, computed, strict=True))
            self.kept.add(made)
            rows |= made
        if self.takes_content:
            return {
                key: replace(one, payload=WithFeatures(one.payload, rows[key]))
                for key, one in decoded.items()
            }
        return {sample_id: replace(decoded[sample_id], payload=row) for sample_id, row in rows.items()}

    def payload(self, sample_id: SampleId) -> Any | None:
        """Return the payload of a sample whose content need not be read for it; None for all others."""
        return None if self.takes_content else self.kept.get(sample_id)


class FeatureReader:
    """The samples of `reader` with features as payloads. Satisfies `goldloop.core.ports.Reader`."""

    def __init__(self, reader: Reader, featured: Featured) -> None:
        self._reader, self._featured = reader, featured

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown samples of `source`."""
        return self._with_features(self._reader.arrivals(source, is_known=is_known))

    def of(self, files: Iterable[FileRef], *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown samples of `files`."""
        return self._with_features(self._reader.of(files, is_known=is_known))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield an arrival for each of `samples`; one whose features are kept is not read again."""
        wanted = iter(samples)
        while part := list(islice(wanted, READ_TOGETHER)):
            rows = {sample_id: self._featured.payload(sample_id) for sample_id, _ in part}
            unread = [pair for pair in part if rows[pair[0]] is None]
            read = self._with_features(self._reader.again(unread))
            for sample_id, file in part:
                row = rows[sample_id]
                yield next(read) if row is None else Arrival(file, sample_id, Decoded(row))

    def cases(self, source: str) -> Iterator[Arrival]:
        """Return an iterator over the rows of `source`; their features are kept like those of samples."""
        return self._with_features(self._reader.cases(source))

    def prepared(self, arrival: Arrival) -> Arrival:
        """Return one arrival with its features."""
        return self._computed([arrival])[0]

    def _with_features(self, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
        """Yield `arrivals` with features; the next chunk is computed while the caller works on this one."""
        with ThreadPoolExecutor(1, thread_name_prefix="backbone") as backbone:
            under_way: Future[list[Arrival]] | None = None
            while chunk := list(islice(arrivals, CHUNK)):
                before, under_way = under_way, backbone.submit(self._computed, chunk)
                yield from before.result() if before else ()
            yield from under_way.result() if under_way else ()

    def _computed(self, chunk: list[Arrival]) -> list[Arrival]:
        decoded = self._featured.of({one.sample_id: one.decoded for one in chunk if one.decoded})
        return [replace(one, decoded=decoded[one.sample_id]) if one.decoded else one for one in chunk]


class FeatureContentStore:
    """The samples of `store`, loaded as features. Satisfies `goldloop.core.ports.ContentStore`."""

    def __init__(self, store: ContentStore, featured: Featured) -> None:
        self._store, self._featured = store, featured

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Keep the content of the sample at `uri`."""
        return self._store.keep(sample_id, uri, write)

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a sample with its features, for which the content is read only once."""
        row = self._featured.payload(sample_id)
        if row is not None:
            return Decoded(row)
        return self._featured.of({sample_id: self._store.load(sample_id)})[sample_id]

    def file(self, sample_id: SampleId) -> Path | None:
        """Return the file of the content."""
        return self._store.file(sample_id)


class FeaturedModality:
    """A kind of samples whose models take features. Satisfies `goldloop.core.modality.Modality`.

    `reader` and `store` are those of `modality` with features as payloads; all else is as there.
    """

    def __init__(self, modality: Modality, featured: Featured) -> None:
        self._modality, self._kept = modality, featured.kept
        self.kind, self.max_distance = modality.kind, modality.max_distance
        self.has_stakes = modality.has_stakes
        self.reader = FeatureReader(modality.reader, featured)
        self.store = FeatureContentStore(modality.store, featured)

    def for_preset(self, preset: str) -> Modality:
        """Return the same samples as the models of another preset take them."""
        return self._modality.for_preset(preset)

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return the features of those samples that have some."""
        rows = ((sample_id, self._kept.get(sample_id)) for sample_id in sample_ids)
        return {sample_id: row for sample_id, row in rows if row is not None}

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return the newest of `others` from before a sample."""
        return self._modality.before(sample_id, others, n)

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the fields of a labelling task that hold the sample."""
        return self._modality.task_data(task, link)

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return a sample for a report."""
        return self._modality.preview(sample_id, uris)

    def columns(self, sample_id: SampleId) -> Mapping[str, Any]:
        """Return what a table of gold holds of the sample itself."""
        return self._modality.columns(sample_id)
