"""Rows of `samples` for tests of its index, and what a reader of the whole table says instead."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from goldloop.adapters.delta import open_tables
from goldloop.core.digests import digest
from goldloop.core.samples import UNREADABLE, Arrived, BatchId, sample_id_of
from goldloop.core.table_ports import Row, Tables
from goldloop.tables.arrival_index import (
    BATCHES,
    FILES,
    SAMPLES,
    catch_up,
    failed_openings,
    file_key,
    sample_key,
)
from goldloop.tables.arrivals import FailedOpenings, read_failed_openings

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def arrival_row(number: int, content: int, *, arrived: str, batch: str = "b") -> Row:
    """Return the row of file `number`, which arrived at minute `number`."""
    is_failure = arrived == UNREADABLE
    return {
        "sample_id": sample_id_of(str(content).encode()),
        "batch": batch,
        "uri": f"file{content % 7}",
        "stamp": str(number % 3),
        "arrived": str(Arrived.QUARANTINE) if is_failure else arrived,
        "reason": UNREADABLE if is_failure else None,
        "detail": f"detail {content % 2}" if is_failure else None,
        "arrived_at": START + timedelta(minutes=number),
    }


def looked_up(tables: Tables) -> tuple[set[str], set[tuple[str, str, str]], set[str], object]:
    """Return what the index says of every sample, file and batch that `rows` may hold, after it caught up."""
    catch_up(tables)
    index = tables.samples.index
    ids = [sample_id_of(str(content).encode()) for content in range(30)]
    places = [(b, f"file{n}", str(stamp)) for b in ("b", "c") for n in range(7) for stamp in range(3)]
    seen = index.find(SAMPLES, [sample_key(one) for one in ids])
    known = index.find(FILES, [file_key(BatchId(b), uri, stamp) for b, uri, stamp in places])
    batches = index.find(BATCHES, [digest(one) for one in ("b", "c")])
    return (
        {one for one in ids if sample_key(one) in seen},
        {place for place in places if file_key(BatchId(place[0]), *place[1:]) in known},
        {one for one in ("b", "c") if digest(one) in batches},
        _last(failed_openings(tables)),
    )


def read_whole(tables: Tables) -> tuple[set[str], set[tuple[str, str, str]], set[str], object]:
    """Return the same from the whole table."""
    rows = tables.samples.read().to_pylist()
    opened = [row for row in rows if row["reason"] != UNREADABLE]
    return (
        {row["sample_id"] for row in rows if row["arrived"] == Arrived.SAMPLE},
        {(row["batch"], row["uri"], row["stamp"]) for row in opened},
        {row["batch"] for row in opened},
        _last(read_failed_openings(tables)),
    )


def _last(failures: FailedOpenings) -> dict[str, tuple[str, str | None, bool]]:
    return {uri: (one.stamp, one.detail, one.is_unopened) for uri, one in failures.last.items()}


@dataclass
class Workplace:
    """The tables of a workspace in `root`, and what may happen to them between two passes."""

    root: Path
    tables: Tables = field(init=False)
    n_rows: int = 0
    backup: int = 0

    def __post_init__(self) -> None:
        self.reopen()

    @property
    def folder(self) -> Path:
        """The folder of the table `samples`."""
        return self.root / "tables" / "samples"

    @property
    def file(self) -> Path:
        """The file of the index."""
        return self.root / "index" / "samples.sqlite"

    def reopen(self) -> None:
        """Open the tables as a new process does."""
        self.tables = open_tables(self.root / "tables")

    def append(self, rows: list[tuple[str, int, str]]) -> None:
        """Commit rows (how it arrived, content, batch), each a minute later than the one before."""
        self.tables.samples.append(
            [
                arrival_row(self.n_rows + place, content, arrived=arrived, batch=batch)
                for place, (arrived, content, batch) in enumerate(rows)
            ]
        )
        self.n_rows += len(rows)

    def compact(self) -> None:
        """Write the files of the table into one."""
        DeltaTable(str(self.folder)).optimize.compact()

    def vacuum(self) -> None:
        """Remove the files that the newest version does not need."""
        DeltaTable(str(self.folder)).vacuum(0, dry_run=False, enforce_retention_duration=False)

    def forget_log(self) -> None:
        """Sum the log up, and remove the commits before."""
        DeltaTable(str(self.folder)).create_checkpoint()
        newest = DeltaTable(str(self.folder)).version()
        for path in (self.folder / "_delta_log").glob("*.json"):
            if int(path.stem) < newest:
                path.unlink()

    def back_up(self) -> None:
        """Copy the table."""
        shutil.rmtree(self.root / "copy", ignore_errors=True)
        shutil.copytree(self.folder, self.root / "copy")

    def restore(self) -> None:
        """Put the copy in the place of the table, if there is one; the index stays."""
        if (self.root / "copy").exists():
            shutil.rmtree(self.folder)
            shutil.copytree(self.root / "copy", self.folder)
            self.reopen()

    def lose_index(self) -> None:
        """Remove the file of the index."""
        self.file.unlink(missing_ok=True)

    def tear_index(self) -> None:
        """Cut the file of the index off in the middle, as a power cut on a bad disk may."""
        if self.file.exists():
            self.reopen()
            for end in ("-wal", "-shm"):
                self.file.with_name(self.file.name + end).unlink(missing_ok=True)
            os.truncate(self.file, self.file.stat().st_size // 2)
