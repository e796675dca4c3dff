"""Batches: the source of each sample, the scoring passes, and the samples since the last lasting change."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from datetime import datetime
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.errors import SourceError
from goldloop.core.samples import Arrived, ArrivedSample, FileRef, SampleId
from goldloop.core.table_ports import Table, Tables
from goldloop.drift.history import Seen, current_samples, reference_of
from goldloop.drift.sketches import Sketch
from goldloop.tables import codec
from goldloop.tables.rounds import closing_times

IS_SAMPLE = pc.field("arrived") == str(Arrived.SAMPLE)


def read_samples(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, ArrivedSample]:
    """Return each of `sample_ids` as it first arrived."""
    if not sample_ids:
        return {}
    wanted = IS_SAMPLE & pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
    rows = tables.samples.read(
        ["sample_id", "uri", "batch", "fingerprint", "entity", "stake", "arrived_at"], where=wanted
    )
    rows = rows.sort_by([("arrived_at", "descending")])
    return {sample.sample_id: sample for sample in codec.values_of(ArrivedSample, rows)}


def read_entities(tables: Tables, entities: Collection[str]) -> dict[SampleId, str]:
    """Return the entity of each sample that belongs to one of `entities`, in the order of arrival."""
    wanted = IS_SAMPLE & pc.field("entity").isin(pa.array(sorted(entities), pa.string()))
    rows = tables.samples.read(["sample_id", "entity", "arrived_at"], where=wanted)
    rows = rows.sort_by([("arrived_at", "ascending"), ("sample_id", "ascending")])
    return {SampleId(one): entity for one, entity in codec.column_values(rows, "sample_id", "entity")}


def find_sample(tables: Tables, name: str) -> SampleId:
    """Return the one sample whose id begins with `name`, or whose place, file name or row id is `name`.

    Raises:
        SourceError: no sample has that name, or several have.
    """
    uri = pc.field("uri")
    is_named = pc.starts_with(pc.field("sample_id"), pattern=name.lower()) | (uri == name)
    for mark in ("/", "#id="):
        is_named |= pc.ends_with(uri, pattern=f"{mark}{name}")
    was_seen = pc.field("arrived").isin([str(Arrived.SAMPLE), str(Arrived.DUPLICATE)])
    rows = tables.samples.read(["sample_id", "uri", "arrived"]).filter(was_seen & is_named)
    found = set(rows["sample_id"].to_pylist())
    if len(found) != 1 or not name:
        raise SourceError(
            f"{len(found)} samples are named {name!r}; give the id of a row, its place such as "
            "posts.csv#id=17, or the beginning of one sample_id"
        )
    return SampleId(found.pop())


def find_samples(tables: Tables, names: Collection[str]) -> dict[str, set[SampleId]]:
    """Return the samples that each of `names` stands for: none, one or, where files share names, several.

    A name is a whole sample_id, a place, a file name, or the id of a row.
    """
    found: dict[str, set[SampleId]] = {name: set() for name in names}
    if not names:
        return found
    was_seen = pc.field("arrived").isin([str(Arrived.SAMPLE), str(Arrived.DUPLICATE)])
    rows = tables.samples.read(["sample_id", "uri", "arrived"], where=was_seen)
    last = pc.replace_substring_regex(rows["uri"], pattern="^.*/", replacement="")
    row_id = pc.replace_substring_regex(rows["uri"], pattern="^.*#id=", replacement="")
    quoted: dict[str, list[str]] = {}
    for name in names:
        quoted.setdefault(quote(name, safe="", errors="surrogatepass"), []).append(name)
    plain = {name: [name] for name in names}
    looks = ((rows["sample_id"], plain), (rows["uri"], plain), (last, plain), (row_id, quoted))
    for column, meant in looks:
        hits = pc.is_in(column, value_set=pa.array(list(meant), pa.string()))
        for key, sample_id in zip(
            column.filter(hits).to_pylist(), rows["sample_id"].filter(hits).to_pylist(), strict=True
        ):
            for name in meant[key]:
                found[name].add(SampleId(sample_id))
    return found


def read_places(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, list[FileRef]]:
    """Return where the bytes of each of `sample_ids` were seen, as duplicates too, the newest place first."""
    if not sample_ids:
        return {}
    wanted = pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
    was_seen = pc.field("arrived").isin([str(Arrived.SAMPLE), str(Arrived.DUPLICATE)])
    names = ["sample_id", "uri", "size", "stamp"]
    rows = tables.samples.read([*names, "arrived_at"], where=wanted & was_seen)
    places: dict[SampleId, dict[str, FileRef]] = {}
    for sample_id, *file in codec.column_values(rows.sort_by([("arrived_at", "descending")]), *names):
        places.setdefault(SampleId(sample_id), {}).setdefault(file[0], FileRef(*file))
    return {sample_id: list(files.values()) for sample_id, files in places.items()}


def read_quarantined(tables: Tables, uris: Collection[str]) -> dict[str, str]:
    """Return why each of the files `uris` was set aside, of those that were."""
    if not uris:
        return {}
    wanted = (pc.field("arrived") == str(Arrived.QUARANTINE)) & codec.is_among("uri", uris)
    rows = tables.samples.read(["uri", "reason", "detail"], where=wanted)
    return {
        uri: f"{reason}: {detail}"
        for uri, reason, detail in codec.column_values(rows, "uri", "reason", "detail")
    }


def read_arrival_times(tables: Tables, sample_ids: Collection[SampleId]) -> dict[SampleId, datetime]:
    """Return when each of `sample_ids` first arrived."""
    if not sample_ids:
        return {}
    wanted = IS_SAMPLE & pc.field("sample_id").isin(pa.array(sorted(sample_ids), pa.string()))
    rows = tables.samples.read(["sample_id", "arrived_at"], where=wanted)
    rows = rows.sort_by([("arrived_at", "descending")])
    return {SampleId(key): at for key, at in codec.column_values(rows, "sample_id", "arrived_at")}


def read_median_stake(tables: Tables) -> float | None:
    """Return the median stake of all samples; None where no sample has one."""
    where = IS_SAMPLE & pc.field("stake").is_valid()
    stakes = tables.samples.read(["stake", "arrived"], where=where)["stake"]
    return None if not len(stakes) else float(pc.approximate_median(stakes).as_py())


def read_drawn_samples(tables: Tables, n: int) -> list[SampleId]:
    """Return `n` samples, those with the smallest ids: hashes of contents, so this is a random draw."""
    rows = tables.samples.read(["sample_id"], where=IS_SAMPLE)
    return [SampleId(key) for key in heapq.nsmallest(n, set(rows["sample_id"].to_pylist()))]


def read_arrived_files(tables: Tables) -> Iterator[FileRef]:
    """Yield the file of every good sample; the table is read when the first is asked for."""
    names = ["uri", "size", "stamp"]
    for file in codec.column_values(tables.samples.read(names, where=IS_SAMPLE), *names):
        yield FileRef(*file)


def read_current_samples(tables: Tables) -> set[SampleId]:
    """Return the samples that `goldloop.drift.history.current_samples` selects."""
    rows = tables.samples.read(["sample_id", "arrived_at"], where=IS_SAMPLE)
    return current_samples(
        dict(codec.column_values(rows, "sample_id", "arrived_at")),
        closed_at=closing_times(tables.rounds),
        drifted_at=[seen.scored_at for seen in read_seen(tables.batches) if seen.check.drifts],
    )


def read_seen(
    batches: Table, model_version: str | None = None, *, since: datetime | None = None
) -> list[Seen]:
    """Return the scoring passes of `model_version`, or of all models, oldest first; those `since` then.

    Parts of a pass are none.
    """
    is_wanted = pc.field("check").is_valid()
    if since is not None:
        is_wanted &= pc.field("scored_at") >= pa.scalar(since)
    rows = batches.read(where=is_wanted)
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
