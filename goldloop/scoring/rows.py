"""Rows for the tables: those that wait for a commit, and what an arrival is as one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from goldloop.core.samples import Arrival, Arrived, BatchId
from goldloop.core.table_ports import Row
from goldloop.tables import schema

COMMIT_EVERY = 1024  # samples a commit at least, so that slow models leave few files in the tables


@dataclass(slots=True)
class WaitingRows:
    """Rows of a table that wait for a commit; most as Arrow, which takes a tenth of their memory."""

    table: str
    new: list[Row] = field(default_factory=list)
    older: list[pa.Table] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Add a row."""
        self.new.append(row)
        if len(self.new) >= COMMIT_EVERY:
            self._fold()

    def taken(self) -> pa.Table:
        """Return all rows in order, and forget them."""
        self._fold()
        rows, self.older = pa.concat_tables(self.older), []
        return rows

    def _fold(self) -> None:
        self.older.append(schema.as_table(self.table, self.new))
        self.new = []


def sample_row(arrival: Arrival, arrived: Arrived, batch: BatchId, moment: datetime) -> Row:
    """Return the row of an arrival for the table of samples."""
    decoded = arrival.decoded
    return {
        "sample_id": arrival.sample_id,
        "batch": batch,
        "uri": arrival.file.uri,
        "stamp": arrival.file.stamp,
        "size": arrival.file.size,
        "arrived": str(arrived),
        "arrived_at": moment,
        "reason": None if arrival.reason is None else str(arrival.reason),
        "detail": arrival.detail or None,
        "fingerprint": decoded.fingerprint if decoded else None,
        "metadata": json.dumps(decoded.metadata) if decoded else None,
        "entity": decoded.entity if decoded else None,
        "stake": decoded.stake if decoded else None,
    }
