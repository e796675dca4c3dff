"""Kept content: brings samples into the content store from any place where their bytes were ever seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from goldloop.core.disk import written_together
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.ports import ContentStore
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Tables
from goldloop.tables.batches import read_places, read_samples

NEXT_STEP = "if the files have moved, run `goldloop score` on their new place, then this command again"


@dataclass(slots=True)
class Kept:
    """What a browser is shown of each sample that is in the store, and why the others are not."""

    paths: dict[SampleId, str] = field(default_factory=dict)
    lost: dict[SampleId, str] = field(default_factory=dict)


def keep_samples(tables: Tables, store: ContentStore, sample_ids: Collection[SampleId]) -> Kept:
    """Keep each of `sample_ids` in `store`, from where it arrived or else from where it was seen since."""
    samples, kept = read_samples(tables, sample_ids), Kept()
    with written_together() as write:
        for sample_id in sample_ids:
            uri = samples[sample_id].uri if sample_id in samples else ""
            try:
                kept.paths[sample_id] = store.keep(sample_id, uri, write)
            except UnreadableSampleError as error:
                kept.lost[sample_id] = f"{uri or 'no known place'}: {error}; {NEXT_STEP}"
    for sample_id, places in read_places(tables, kept.lost).items():
        for place in places:
            try:
                kept.paths[sample_id] = store.keep(sample_id, place.uri)
            except UnreadableSampleError:
                continue
            del kept.lost[sample_id]
            break
    return kept
