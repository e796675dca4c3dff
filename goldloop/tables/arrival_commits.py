"""Commits of arrivals by many writers: each file arrives once in its batch, each sample once in all."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.samples import UNREADABLE, Arrived, BatchId, FileRef, SampleId
from goldloop.core.table_ports import Tables
from goldloop.tables import codec
from goldloop.tables.arrival_index import FILES, SAMPLES, catch_up, failed_openings, file_key, sample_key

_SAMPLE, _DUPLICATE = pa.scalar(str(Arrived.SAMPLE)), pa.scalar(str(Arrived.DUPLICATE))


@dataclass(frozen=True, slots=True)
class CommittedArrivals:
    """The rows of `samples` as they were committed.

    Rows of files that another writer had recorded are missing. A sample that had arrived from another writer
    is a duplicate in them. `looked_up` is the version of the table with which the look-ups of this pass still
    agree; None from the moment when another writer has committed.
    """

    rows: pa.Table
    looked_up: int | None


@dataclass(frozen=True, slots=True)
class ArrivedBlock:
    """The `rows` of `samples` for the files of a block."""

    rows: pa.Table

    @property
    def samples(self) -> list[tuple[SampleId, FileRef]]:
        """Those that are samples, by id, and their files."""
        good = self.rows.filter(pc.equal(self.rows["arrived"], _SAMPLE))
        cells = codec.column_values(good, "sample_id", "uri", "size", "stamp")
        return [(SampleId(one), FileRef(uri, size, stamp)) for one, uri, size, stamp in cells]

    def lanes(self, tables: Tables) -> list[str]:
        """Return the lane of each prediction for these samples."""
        ids = pa.array([sample_id for sample_id, _ in self.samples], pa.string())
        rows = tables.predictions.read(["lane"], where=pc.field("sample_id").isin(ids))
        lanes: list[str] = rows["lane"].to_pylist()
        return lanes


def read_block(tables: Tables, batch: BatchId, files: Collection[FileRef]) -> ArrivedBlock:
    """Return the rows of `samples` for `files` of `batch`."""
    uris = pa.array([file.uri for file in files], pa.string())
    rows = tables.samples.read(where=(pc.field("batch") == batch) & pc.field("uri").isin(uris))
    wanted = {(file.uri, file.stamp) for file in files}
    is_wanted = [place in wanted for place in codec.column_values(rows, "uri", "stamp")]
    return ArrivedBlock(rows.filter(pa.array(is_wanted, pa.bool_())))


def transaction_of(scored_in: str, batch: BatchId, files: Iterable[tuple[str, str]]) -> str:
    """Return the transaction of a block of `files` (uri and stamp), in any order, of the pass `scored_in`.

    The pass is part of it, because the same files may rightly come again: two that can be opened at one
    score and not at the next.
    """
    lines = sorted(f"{uri}\n{stamp}" for uri, stamp in files)
    content = "\n".join([scored_in, batch, *lines])
    return f"score-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()}"


def commit_arrivals(
    tables: Tables, rows: pa.Table, *, looked_up: int | None, transaction: str | None = None
) -> CommittedArrivals:
    """Commit `rows` of `samples`, whose files and ids were looked up in version `looked_up` of the table.

    Where it is None, or other writers have committed since, files and ids are looked up again, until the
    commit rests on the version in which they were. Nothing is committed where `transaction` is in the table.
    """
    settled, is_alone = rows, True

    def make_rows(version: int) -> pa.Table:
        nonlocal settled, is_alone
        is_alone = version == looked_up
        settled = rows if is_alone else _settled(tables, rows)
        return settled

    version = tables.samples.append_once(make_rows, transaction=transaction)
    if version is None and transaction is not None and tables.samples.has(transaction):
        return CommittedArrivals(rows.slice(0, 0), None)
    return CommittedArrivals(settled, version if is_alone else None)


def _settled(tables: Tables, rows: pa.Table) -> pa.Table:
    """Return `rows` without files that the table has by now, samples that it has by now as duplicates."""
    catch_up(tables)
    places = list(codec.column_values(rows, "batch", "uri", "stamp", "reason", "detail"))
    keys = [file_key(BatchId(batch), uri, stamp) for batch, uri, stamp, *_ in places]
    known, failures = tables.samples.index.find(FILES, keys), failed_openings(tables)
    is_new = [
        key not in known and not (reason == UNREADABLE and failures.has(uri, stamp, detail))
        for key, (_, uri, stamp, reason, detail) in zip(keys, places, strict=True)
    ]
    new = rows.filter(pa.array(is_new, pa.bool_()))
    ids = new["sample_id"].to_pylist()
    seen = tables.samples.index.find(SAMPLES, [sample_key(one) for one in ids])
    is_seen = pa.array([sample_key(one) in seen for one in ids], pa.bool_())
    is_double = pc.and_(pc.equal(new["arrived"], _SAMPLE), is_seen)
    arrived = pc.if_else(is_double, _DUPLICATE, new["arrived"])
    return new.set_column(new.schema.get_field_index("arrived"), new.schema.field("arrived"), arrived)
