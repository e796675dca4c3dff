"""Batches: the source of each sample, the scoring passes, and the samples since the last lasting change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.ports import ContentStore, Table, Tables
from goldloop.core.samples import Arrived, BatchId, Decoded, SampleId
from goldloop.drift.history import Seen, current_samples, reference_of
from goldloop.drift.sketches import Sketch
from goldloop.tables import codec
from goldloop.tables.rounds import closing_times

IS_SAMPLE = pc.field("arrived") == str(Arrived.SAMPLE)


@dataclass(frozen=True, slots=True)
class ArrivedSample:
    """Source of a sample, and the fingerprint that near-duplicates share."""

    sample_id: SampleId
    uri: str
    batch: BatchId
    fingerprint: str | None


def read_samples(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, ArrivedSample]:
    """Return each of `sample_ids` as it first arrived."""
    if not sample_ids:
        return {}
    wanted = IS_SAMPLE & pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
    rows = tables.samples.read(["sample_id", "uri", "batch", "fingerprint", "arrived_at"], where=wanted)
    rows = rows.sort_by([("arrived_at", "descending")])
    return {sample.sample_id: sample for sample in codec.values_of(ArrivedSample, rows)}


def keep_again(store: ContentStore, samples: Mapping[SampleId, ArrivedSample]) -> dict[SampleId, str]:
    """Keep the content of `samples` from their sources; return why others cannot be kept, by sample."""
    lost: dict[SampleId, str] = {}
    for sample_id, sample in samples.items():
        try:
            store.keep(sample_id, sample.uri)
        except UnreadableSampleError as error:
            lost[sample_id] = error.detail
    return lost


@dataclass(frozen=True, slots=True)
class RestoringStore:
    """A content store that keeps a sample again from its source when its content is missing or damaged.

    Satisfies `goldloop.core.ports.ContentStore`.
    """

    store: ContentStore
    tables: Tables

    def keep(self, sample_id: SampleId, uri: str) -> str:
        """Keep the sample as the store does."""
        return self.store.keep(sample_id, uri)

    def file(self, sample_id: SampleId) -> Path | None:
        """Return the file of a kept sample."""
        return self.store.file(sample_id)

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample, after keeping it again if that is needed.

        Raises:
            UnreadableSampleError: neither the store nor the source has its content.
        """
        try:
            return self.store.load(sample_id)
        except UnreadableSampleError as error:
            samples = read_samples(self.tables, [sample_id])
            lost = keep_again(self.store, samples)
            if samples and not lost:
                return self.store.load(sample_id)
            source = (
                f"its source {samples[sample_id].uri} does not help: {lost[sample_id]}. Put the file back"
                if lost
                else "no table knows its source. Score the folder that holds it again"
            )
            raise UnreadableSampleError(
                error.reason,
                f"{error.detail}, and {source}, or restore that folder of the workspace from a backup",
            ) from error


def read_current_samples(tables: Tables) -> set[SampleId]:
    """Return the samples that `goldloop.drift.history.current_samples` selects."""
    rows = tables.samples.read(["sample_id", "arrived_at"], where=IS_SAMPLE)
    return current_samples(
        dict(codec.column_values(rows, "sample_id", "arrived_at")),
        closed_at=closing_times(tables.rounds),
        drifted_at=[seen.scored_at for seen in read_seen(tables.batches) if seen.check.drifts],
    )


def read_seen(batches: Table, model_version: str | None = None) -> list[Seen]:
    """Return the scoring passes of `model_version`, or of all models, oldest first."""
    rows = batches.read()
    if model_version is not None:
        rows = rows.filter(pc.field("model_version") == model_version)
    return codec.values_of(Seen, rows.sort_by("scored_at"))


def read_reference(batches: Table, model_version: str) -> Sketch | None:
    """Return what `model_version` saw before, as `reference_of` merges it; None before its first batch."""
    return reference_of(read_seen(batches, model_version))


def save_batch(batches: Table, seen: Seen) -> None:
    """Append what one scoring pass saw and what had moved; a pass without predictions leaves no row."""
    if seen.sketch.n:
        batches.append(codec.rows_of([seen], n=seen.sketch.n))
