"""Arrivals: which rows of `samples` count as files, which files nobody could open, and the quarantine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.samples import UNREADABLE, Arrival, Arrived, BatchId, sample_id_of
from goldloop.core.table_ports import Tables
from goldloop.tables import codec

_NAMES = ("batch", "uri", "stamp", "sample_id", "arrived", "reason", "detail", "arrived_at")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file or row in quarantine, why it is there, and since when.

    `is_replaced` says that goldloop has read a newer file from the same place since.
    """

    uri: str
    batch: BatchId
    reason: str
    detail: str | None
    arrived_at: datetime
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class FailedOpening:
    """The last time that a file could not be opened, and when it was opened at last, if ever."""

    stamp: str
    detail: str | None
    failed_at: datetime
    opened_at: datetime | None = None

    @property
    def is_unopened(self) -> bool:
        """Whether the file was not opened since."""
        return self.opened_at is None or self.opened_at < self.failed_at


@dataclass(frozen=True, slots=True)
class FailedOpenings:
    """The last failed opening of each file, by uri.

    goldloop tries those that were never opened since again at every score.
    """

    last: Mapping[str, FailedOpening]

    def is_unopened(self, uri: str) -> bool:
        """Return whether a file could not be opened, and was not opened since."""
        return uri in self.last and self.last[uri].is_unopened

    def is_recorded(self, arrival: Arrival) -> bool:
        """Return whether the table has this failure already: one row is enough, however often it repeats."""
        file, detail = arrival.file, arrival.detail or None
        return arrival.reason == UNREADABLE and self.has(file.uri, file.stamp, detail)

    def has(self, uri: str, stamp: str, detail: str | None) -> bool:
        """Return whether the table has this failed opening of `uri` already."""
        last = self.last.get(uri)
        if last is None or last.detail != detail:
            return False
        return last.is_unopened or last.stamp == stamp


def read_failed_openings(tables: Tables) -> FailedOpenings:
    """Return the files of all batches that could not be opened; of others it reads only what these need."""
    is_failed = pc.field("reason") == UNREADABLE
    failed, _ = _split(tables.samples.read(list(_NAMES), where=is_failed).sort_by("arrived_at"))
    if not len(failed):
        return FailedOpenings({})
    is_same = pc.field("uri").isin(failed["uri"].combine_chunks())
    others = tables.samples.read(
        ["uri", "arrived_at"], where=is_same & (pc.field("reason").is_null() | ~is_failed)
    )
    opened = dict(codec.column_values(others.sort_by("arrived_at"), "uri", "arrived_at"))
    columns = codec.column_values(failed, "uri", "stamp", "detail", "arrived_at")
    return FailedOpenings(
        {uri: FailedOpening(stamp, detail, at, opened.get(uri)) for uri, stamp, detail, at in columns}
    )


def save_opened(tables: Tables, batch: BatchId, uris: Collection[str], *, at: datetime) -> None:
    """Record that goldloop has opened the files at `uris` at last; what they hold has rows of its own."""
    tables.samples.append(
        [
            {
                "sample_id": sample_id_of(f"opened:{uri}".encode()),
                "batch": batch,
                "uri": uri,
                "stamp": "",
                "arrived": str(Arrived.OPENED),
                "arrived_at": at,
            }
            for uri in sorted(uris)
        ]
    )


def read_files(tables: Tables) -> pa.Table:
    """Return the row of each file or row of a file that counts.

    What could be opened counts once for each batch, uri and stamp, as when it first arrived. What could not
    be opened counts once, whatever its stamp and batch, until it is opened.
    """
    failed, others = _split(_read(tables))
    samples = others.filter(pc.not_equal(others["arrived"], str(Arrived.OPENED)))
    opened = codec.one_for_each(["batch", "uri", "stamp"], samples, which="min")
    return pa.concat_tables([opened, _unopened(failed, others)])


def read_quarantine(tables: Tables) -> list[Quarantined]:
    """Return the files in quarantine, in order of arrival."""
    files = read_files(tables)
    rows = files.filter(pc.equal(files["arrived"], str(Arrived.QUARANTINE)))
    others = files.filter(pc.is_in(files["uri"], value_set=rows["uri"].combine_chunks()))
    newest = dict(codec.column_values(others.sort_by("arrived_at"), "uri", "arrived_at"))
    names = ("uri", "batch", "reason", "detail", "arrived_at")
    rows = rows.sort_by([("arrived_at", "ascending"), ("uri", "ascending")])
    return [
        Quarantined(uri, batch, reason, detail, at, is_replaced=newest[uri] > at)
        for uri, batch, reason, detail, at in codec.column_values(rows, *names)
    ]


def _read(tables: Tables) -> pa.Table:
    return tables.samples.read(list(_NAMES)).sort_by("arrived_at")


def _split(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the last failed opening of each uri, and all rows that are no failed opening."""
    is_failed = pc.fill_null(pc.equal(rows["reason"], UNREADABLE), False)
    failed = codec.one_for_each(["uri"], rows.filter(is_failed), which="max")
    return failed, rows.filter(pc.invert(is_failed))


def _unopened(failed: pa.Table, others: pa.Table) -> pa.Table:
    """Return those of `failed` whose place was not opened later."""
    opened = others.filter(pc.is_in(others["uri"], value_set=failed["uri"].combine_chunks()))
    opened_at = dict(codec.column_values(opened, "uri", "arrived_at"))
    is_open = [
        uri not in opened_at or opened_at[uri] < at
        for uri, at in codec.column_values(failed, "uri", "arrived_at")
    ]
    return failed.filter(pa.array(is_open, pa.bool_()))
