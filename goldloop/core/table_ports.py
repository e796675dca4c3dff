"""Ports of tables: what the core asks of tables and of the engine that answers questions over them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.compaction import Compaction
from goldloop.core.digest_index import AddedRows, DigestIndex
from goldloop.core.materialized_views import ViewStore

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Files with rows, and the columns of their table, of which some may lack a few; None: their own."""

    paths: tuple[str, ...]
    schema: pa.Schema | None


@dataclass(frozen=True, slots=True)
class AddedFiles:
    """Where an `Engine` finds the rows of `AddedRows`, and how many there are in how many files."""

    mark: str
    is_whole: bool
    source: ParquetFiles | pa.Table
    n_rows: int
    n_files: int


Source: TypeAlias = "Table | ParquetFiles | pa.Table"
"""What an engine reads: a table in its newest version, files, or rows."""


class Engine(Protocol):
    """Answers questions over tables without reading their columns into Python."""

    def query(self, sql: str, *, usual_mb: int | None = None, **tables: Source) -> pa.Table:
        """Return the answer to `sql` over `tables`, which have these names, each in its newest version.

        Where an answer takes more memory than `usual_mb`, the disk is used instead, if that suffices.

        Raises:
            StorageError: the files of a table cannot be read.
        """

    def write(self, sql: str, path: Path, notes: Mapping[str, str], **tables: Source) -> None:
        """Write the answer to `sql` as `query` finds it to a new Parquet file, with `notes` as its metadata.

        It takes a bounded memory, whatever the number of rows.

        Raises:
            StorageError: the files of a table cannot be read, or the disk or the memory does not suffice.
        """


class Table(Protocol):
    """One table of the workspace; other writers may commit at any moment.

    `base`, where a write takes one, is the version that the first call of its callback rests on (None: the
    newest). When another writer has committed since, the callback is called again, on fresh state.
    """

    @property
    def index(self) -> DigestIndex:
        """Digests of its rows; only `goldloop.tables` fills it."""

    @property
    def views(self) -> ViewStore:
        """Views of its rows; only `goldloop.tables` fills them."""

    def version(self) -> int:
        """Return the newest version number."""

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return the rows that satisfy `where`, of the newest or of an old version; no order is promised.

        Raises:
            GoldVersionError: there is no such version.
        """

    def scan(self) -> ParquetFiles | pa.Table:
        """Return where an `Engine` finds the rows of the newest version."""

    def added(self, columns: Sequence[str], *, after: str | None) -> AddedRows:
        """Return the rows that were added since the commit with the mark `after`; None: all."""

    def added_files(self, after: str | None) -> AddedFiles:
        """Return where the rows are that `added` returns."""

    def append(self, rows: Sequence[Row] | pa.Table) -> None:
        """Add rows in one atomic commit."""

    def has(self, transaction: str) -> bool:
        """Return whether a commit of `append_once` has this transaction."""

    def append_once(
        self, make_rows: Callable[[int], Sequence[Row] | pa.Table], *, transaction: str | None = None
    ) -> int | None:
        """Add what `make_rows(version)` returns in one commit on top of that version, the newest.

        When another writer commits first, `make_rows` is called again, so that what it has looked up still
        holds. Return a version whose rows are those of this commit and of all before it; None without a
        commit: there are no rows, or the table has the `transaction`, which is committed once.

        Raises:
            TableConflictError: other writers won every attempt.
        """

    def append_next(
        self, make_rows: Callable[[int], Sequence[Row]], *, base: int | None = None
    ) -> int | None:
        """Add what `make_rows(seq)` returns as commit number `seq`, alone; None when it returns no rows.

        Raises:
            TableConflictError: other writers won every attempt.
        """

    def merge_next(
        self,
        make_changes: Callable[[Callable[[], pa.Table]], Changes],
        *,
        key: str | Sequence[str],
        base: int | None = None,
    ) -> int | None:
        """Put and remove rows by `key` in one atomic commit; the new version, None when nothing changes.

        `key` is a column, or several that together tell rows apart. `make_changes` gets a function that reads
        the rows the commit will rest on.

        Raises:
            TableConflictError: other writers won every attempt.
        """

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the newest `limit` commits (None: all), newest first.

        An entry has its version, timestamp (ms) and the metadata given to `merge_next`, and `removed_at`
        (ISO 8601) if the version can no longer be read.
        """

    def compact(
        self, named: Collection[int], *, before: datetime, at: datetime, is_dry_run: bool = False
    ) -> Compaction:
        """Merge small files, and remove at the moment `at` what no kept version needs; return what changed.

        Kept are the versions that were newest since `before` and, of gold, those of `named`.
        """


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows to put and rows to remove by key, and metadata for the commit."""

    put: Sequence[Row] = ()
    remove: Sequence[Row] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a workspace; `goldloop.tables.schema` says what their rows hold."""

    samples: Table
    predictions: Table
    planned_tasks: Table
    task_events: Table
    answer_requests: Table
    annotations: Table
    gold: Table
    label_errors: Table
    rounds: Table
    policies: Table
    evaluations: Table
    batches: Table
    server_checks: Table
    models: Table
    hints: Table
    left_out: Table
    appeals: Table
    outcomes: Table
    imported_labels: Table
    exports: Table
    engine: Engine

    @property
    def named(self) -> dict[str, Table]:
        """Every table by its name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "engine"}
