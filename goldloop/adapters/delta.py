"""Delta Lake tables: atomic commits from several writers, and every old version readable for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from goldloop.core.errors import GoldVersionError, TableConflictError
from goldloop.core.ports import Tables
from goldloop.tables import schema

# Without these, versions older than 30 days cannot be opened after a later checkpoint.
_KEEP_FOR_GOOD = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableChangeDataFeed": "true",
}
_ATTEMPTS = 12
_ZSTD = WriterProperties(compression="ZSTD")
Row = Mapping[str, Any]


class Table:
    """One table of the workspace. Writers on other machines may commit at any moment."""

    def __init__(self, folder: Path, name: str, columns: pa.Schema) -> None:
        """Open, or create empty, the table `name` below `folder`."""
        self.name = name
        self.schema = columns
        self._uri = str(folder / name)
        self._files = SubTreeFileSystem(self._uri, LocalFileSystem())
        try:
            self._table = DeltaTable(self._uri)
        except TableNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                DeltaTable.create(self._uri, columns, mode="ignore", configuration=_KEEP_FOR_GOOD)
            except DeltaError:  # another process created it between the look and the leap
                time.sleep(0.1)
            self._table = DeltaTable(self._uri)
        self._add_missing_columns()

    def _add_missing_columns(self) -> None:
        """Give a table made by an earlier release the columns it lacks, empty."""
        for attempt in range(_ATTEMPTS):
            present = {field.name for field in self._newest().schema().fields}
            missing = [field for field in self.schema if field.name not in present]
            if not missing:
                return
            try:
                DeltaTable(self._uri).alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
            except CommitFailedError:
                _back_off(attempt)
        raise self._conflict()

    def _newest(self) -> DeltaTable:
        self._table.update_incremental()
        return self._table

    def version(self) -> int:
        """Return the newest version number."""
        return int(self._newest().version())

    def read(self, columns: Sequence[str] | None = None, *, version: int | None = None) -> pa.Table:
        """Return the rows of the newest, or of an old, version; no order is promised.

        Raises:
            GoldVersionError: there is no such version.
        """
        table = self._newest()
        if version is not None:
            if not 0 <= version <= table.version():
                raise GoldVersionError(
                    f"table {self.name!r} has versions 0 to {table.version()}, not {version}; "
                    "see 'goldloop gold log'"
                )
            table = DeltaTable(self._uri, version=version)
        read = self._rows(table, list(columns) if columns else None)
        return read.cast(pa.schema([self.schema.field(name) for name in read.column_names]))

    def as_rows(self, rows: Sequence[Row]) -> pa.Table:
        """Return `rows` as a table; a missing value becomes null, a column it does not know is refused."""
        known = set(self.schema.names)
        for row in rows:
            if not known.issuperset(row):
                raise ValueError(f"table {self.name!r} has no column {sorted(set(row) - known)}")
        return pa.Table.from_pylist(
            [{name: row.get(name) for name in self.schema.names} for row in rows], self.schema
        )

    def append(self, rows: Sequence[Row] | pa.Table) -> None:
        """Add rows in one atomic commit; appends of several writers do not disturb each other."""
        data = rows if isinstance(rows, pa.Table) else self.as_rows(rows)
        if len(data):
            write_deltalake(self._newest(), data, mode="append", writer_properties=_ZSTD)

    def sequence(self) -> int:
        """Return the number of the newest `append_next` commit, 0 before the first."""
        return int(self._newest().transaction_version(self.name) or 0)

    def append_next(self, make_rows: Callable[[int], Sequence[Row]]) -> int | None:
        """Add what `make_rows(seq)` returns as commit number `seq`, which no other writer can also have.

        `make_rows` is called again, on fresh state, whenever another writer was first; it returns no rows to
        say that nothing is left to do, and then None is returned in place of `seq`.

        Raises:
            TableConflictError: other writers won every attempt.
        """
        for attempt in range(_ATTEMPTS):
            # `make_rows` reads through another object: reading moves it on, and a commit made on top of what
            # another writer did meanwhile would not conflict with it.
            table = DeltaTable(self._uri)
            seq = int(table.transaction_version(self.name) or 0) + 1
            rows = make_rows(seq)
            if not rows:
                return None
            properties = CommitProperties(
                app_transactions=[Transaction(self.name, seq)], max_commit_retries=0
            )
            try:
                write_deltalake(
                    table,
                    self.as_rows(rows),
                    mode="append",
                    writer_properties=_ZSTD,
                    commit_properties=properties,
                )
                return seq
            except CommitFailedError:
                _back_off(attempt)
        raise self._conflict()

    def merge_next(
        self,
        make_changes: Callable[[pa.Table], tuple[Sequence[Row], Sequence[Row], Mapping[str, str]]],
        *,
        key: str,
    ) -> int | None:
        """Put and remove rows by `key` in one atomic commit; return its version, None if nothing changed.

        `make_changes(present)` returns the rows to put, the rows to remove and metadata for the commit. It is
        called again, on fresh state, whenever another writer was first.

        Raises:
            TableConflictError: other writers won every attempt.
        """
        for attempt in range(_ATTEMPTS):
            table = DeltaTable(self._uri)
            seq = int(table.transaction_version(self.name) or 0) + 1
            put, remove, metadata = make_changes(self.read_at(table))
            if not put and not remove:
                return None
            flagged = pa.concat_tables([self.as_rows(put), self.as_rows(remove)]).append_column(
                "_is_removed", pa.array([False] * len(put) + [True] * len(remove), pa.bool_())
            )
            columns = {name: f"s.{name}" for name in self.schema.names}
            properties = CommitProperties(
                app_transactions=[Transaction(self.name, seq)],
                custom_metadata=dict(metadata),
                max_commit_retries=0,
            )
            try:
                (
                    table.merge(
                        flagged,
                        f"t.{key} = s.{key}",
                        source_alias="s",
                        target_alias="t",
                        writer_properties=_ZSTD,
                        commit_properties=properties,
                    )
                    .when_matched_delete(predicate="s._is_removed")
                    .when_matched_update(columns, predicate="NOT s._is_removed")
                    .when_not_matched_insert(columns, predicate="NOT s._is_removed")
                    .execute()
                )
                return int(DeltaTable(self._uri).version())
            except CommitFailedError:
                _back_off(attempt)
        raise self._conflict()

    def read_at(self, table: DeltaTable) -> pa.Table:
        """Return the rows of an opened table in this table's column types."""
        return self._rows(table).cast(self.schema)

    def _rows(self, table: DeltaTable, columns: list[str] | None = None) -> pa.Table:
        """Return the rows of an opened table through Arrow's own file system.

        deltalake's default one calls Python from Arrow's threads; one of those still at work when Python
        ends aborts the process, seen in 4 of 120 commands on a busy machine (apache/arrow issue 45214).
        """
        return table.to_pyarrow_table(columns=columns, filesystem=self._files)

    def history(self) -> list[dict[str, Any]]:
        """Return the commits, newest first, each with its version, timestamp (ms) and our metadata."""
        return list(self._newest().history())

    def vacuum(self, keep_versions: Sequence[int]) -> list[str]:
        """Remove files no kept version needs (orphans of killed writers); return their names."""
        removed = self._newest().vacuum(
            retention_hours=0,
            dry_run=False,
            enforce_retention_duration=False,
            keep_versions=list(keep_versions),
        )
        return list(removed)

    def _conflict(self) -> TableConflictError:
        return TableConflictError(
            f"table {self.name!r} was changed by other writers {_ATTEMPTS} times in a row; "
            "run the command again"
        )


def _back_off(attempt: int) -> None:
    time.sleep(random.uniform(0.01, 0.05 * 2 ** min(attempt, 6)))


def open_tables(folder: Path) -> Tables:
    """Return the tables of a workspace, which lie in `folder`; missing ones are created empty."""
    kinds = {
        "samples": schema.SAMPLES,
        "predictions": schema.PREDICTIONS,
        "tasks": schema.TASKS,
        "answer_requests": schema.ANSWER_REQUESTS,
        "annotations": schema.ANNOTATIONS,
        "gold": schema.GOLD,
        "label_errors": schema.LABEL_ERRORS,
        "rounds": schema.ROUNDS,
        "policies": schema.POLICIES,
        "evaluations": schema.EVALUATIONS,
        "batches": schema.BATCHES,
    }
    return Tables(**{name: Table(folder, name, columns) for name, columns in kinds.items()})
