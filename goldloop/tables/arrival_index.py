"""What has arrived, looked up by digest: in an index that is derived from `samples` and never read whole.

The index takes entries from commits of the table alone, never from a writer, so it is never ahead of the
table. Whoever looks something up first lets it catch up.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.digest_index import AddedRows, Entries
from goldloop.core.digests import SIZE, DigestSet, digest
from goldloop.core.errors import TableConflictError
from goldloop.core.samples import UNREADABLE, Arrived, BatchId, FileRef
from goldloop.core.table_ports import Tables
from goldloop.tables import codec
from goldloop.tables.arrivals import FailedOpening, FailedOpenings, read_failed_openings

SAMPLES, FILES, BATCHES = "samples", "files", "batches"
"""The sets of the index: good samples; files and rows that were opened, by batch; and their batches."""

MOST_RECENT = 131_072
"""Samples that wait in memory for the index to catch up: it takes many at once in half the time."""

COLUMNS = ("sample_id", "batch", "uri", "stamp", "arrived", "reason", "detail", "arrived_at")
_ATTEMPTS = 12


def sample_key(sample_id: str) -> bytes:
    """Return the beginning of `sample_id` as a digest."""
    return bytes.fromhex(sample_id[: 2 * SIZE])


def file_key(batch: BatchId, uri: str, stamp: str) -> bytes:
    """Return the digest by which a batch knows a file or row."""
    return digest(f"{batch}\n{uri}\n{stamp}")


def catch_up(tables: Tables) -> None:
    """Bring the index up to the newest commit of the table, from newer commits alone where that is possible.

    Raises:
        TableConflictError: other processes moved the index on at every attempt.
    """
    for _ in range(_ATTEMPTS):
        before = tables.samples.index.mark()
        added = tables.samples.added(COLUMNS, after=before)
        if added.mark == before and not added.is_whole:
            return
        if derive(tables, added, after=before):
            return
    raise TableConflictError(
        f"other processes moved the index of what has arrived on {_ATTEMPTS} times in a row; run the command "
        "again"
    )


def derive(tables: Tables, added: AddedRows, *, after: str | None) -> bool:
    """Bring the index up to `added`; return False where another process has moved it on from `after`."""
    entries = _whole(tables, added) if added.is_whole else _newer(tables, added)
    return tables.samples.index.put(entries, added.mark, after=after, is_whole=added.is_whole)


def failed_openings(tables: Tables) -> FailedOpenings:
    """Return the files that could not be opened, as the index knows them."""
    return FailedOpenings({uri: _failure(note) for uri, note in tables.samples.index.notes().items()})


class SeenSamples:
    """The keys of all good samples that ever arrived, those added here included.

    Those that the table has are in the index, at first as of `version`; those added wait in memory until
    `settle`.
    """

    def __init__(self, tables: Tables) -> None:
        self.version = tables.samples.version()
        catch_up(tables)
        self._tables = tables
        self._recent = DigestSet()

    def __contains__(self, key: bytes) -> bool:
        """Return whether a sample with `key` arrived."""
        return bool(self.find([key]))

    def find(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of `keys` whose samples arrived; many at once cost half of one by one."""
        return {key for key in keys if key in self._recent} | self._tables.samples.index.find(SAMPLES, keys)

    def add(self, key: bytes) -> None:
        """Add the key of a sample that arrives now."""
        self._recent.add(key)

    @property
    def is_full(self) -> bool:
        """Whether those that wait in memory should be settled."""
        return len(self._recent) >= MOST_RECENT

    def settle(self) -> None:
        """Let the index catch up with the table, to which all samples added here must be committed."""
        catch_up(self._tables)
        self._recent = DigestSet()


class KnownFiles:
    """The files and rows of a batch that were opened before this pass; none is looked up for a new batch."""

    def __init__(self, tables: Tables, batch: BatchId) -> None:
        self._index, self._batch = tables.samples.index, batch
        self._until = self._index.generation()
        self._looked_up: dict[FileRef, bool] = {}
        self.is_new_batch = not self._index.find(BATCHES, [digest(batch)])

    def look_up(self, files: Collection[FileRef]) -> None:
        """Look `files` up at once, which takes a tenth of one by one."""
        keys = {file: file_key(self._batch, file.uri, file.stamp) for file in files}
        found = set[bytes]() if self.is_new_batch else self._find(list(keys.values()))
        self._looked_up = {file: key in found for file, key in keys.items()}

    def __contains__(self, file: FileRef) -> bool:
        """Return whether a file was opened before."""
        if self.is_new_batch:
            return False
        if file in self._looked_up:
            return self._looked_up[file]
        return bool(self._find([file_key(self._batch, file.uri, file.stamp)]))

    def _find(self, keys: Sequence[bytes]) -> set[bytes]:
        return self._index.find(FILES, keys, until=self._until)


def _whole(tables: Tables, added: AddedRows) -> Iterator[Entries]:
    failures = read_failed_openings(tables).last
    yield Entries(notes={uri: _note(failure) for uri, failure in failures.items()})
    for part in added.parts:
        yield Entries(digests_of(part))


def _newer(tables: Tables, added: AddedRows) -> Iterator[Entries]:
    failures = dict(failed_openings(tables).last)
    for part in added.parts:
        yield Entries(digests_of(part), _openings(part, failures))


def digests_of(part: pa.Table) -> dict[str, list[bytes]]:
    """Return the digests of rows of the table, by the name of their set."""
    opened = part.filter(pc.fill_null(pc.not_equal(part["reason"], UNREADABLE), True))
    samples = part.filter(pc.equal(part["arrived"], str(Arrived.SAMPLE)))
    return {
        SAMPLES: [sample_key(one) for one in samples["sample_id"].to_pylist()],
        FILES: [file_key(*place) for place in codec.column_values(opened, "batch", "uri", "stamp")],
        BATCHES: [digest(batch) for batch in opened["batch"].unique().to_pylist()],
    }


def _openings(part: pa.Table, failures: dict[str, FailedOpening]) -> dict[str, str]:
    """Bring `failures` up to date with rows in order of arrival; return the notes of those that changed."""
    is_failure = pc.fill_null(pc.equal(part["reason"], UNREADABLE), False)
    concerned = pa.array([*failures, *part.filter(is_failure)["uri"].to_pylist()], pa.string())
    rows = part.filter(pc.is_in(part["uri"], value_set=concerned))
    changed: dict[str, str] = {}
    names = ("uri", "stamp", "detail", "reason", "arrived_at")
    for uri, stamp, detail, reason, at in codec.column_values(rows, *names):
        before = failures.get(uri)
        if reason == UNREADABLE:
            failures[uri] = FailedOpening(stamp, detail, at, before.opened_at if before else None)
        elif before is not None:
            failures[uri] = replace(before, opened_at=at)
        if uri in failures:
            changed[uri] = _note(failures[uri])
    return changed


def _note(failure: FailedOpening) -> str:
    return json.dumps([failure.stamp, failure.detail, failure.failed_at, failure.opened_at], default=str)


def _failure(note: str) -> FailedOpening:
    stamp, detail, failed_at, opened_at = json.loads(note)
    opened = None if opened_at is None else datetime.fromisoformat(opened_at)
    return FailedOpening(stamp, detail, datetime.fromisoformat(failed_at), opened)
