"""Delta Lake tables: atomic commits from several writers, and every old version readable for good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from goldloop.core.errors import GoldVersionError, TableConflictError
from goldloop.core.ports import Changes, Row, Tables
from goldloop.tables import schema

# Without these, versions older than 30 days cannot be opened after a later checkpoint.
_KEEP_FOR_GOOD = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableChangeDataFeed": "true",
}
_ATTEMPTS = 12
_ZSTD = WriterProperties(compression="ZSTD")


class Table:
    """One table of the workspace. Satisfies `goldloop.core.ports.Table`, which names the errors."""

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
            except DeltaError:  # another process created the table between the look and the creation
                time.sleep(0.1)
            self._table = DeltaTable(self._uri)

    def _newest(self) -> DeltaTable:
        self._table.update_incremental()
        return self._table

    def version(self) -> int:
        """Return the newest version number."""
        return int(self._newest().version())

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return the rows that satisfy `where`, of the newest or of an old version; no order is promised."""
        table = self._newest()
        if version is not None:
            if not 0 <= version <= table.version():
                raise GoldVersionError(
                    f"table {self.name!r} has versions 0 to {table.version()}, not {version}; "
                    "see 'goldloop gold log'"
                )
            table = DeltaTable(self._uri, version=version)
        return self._rows(table, list(columns) if columns else None, where)

    def append(self, rows: Sequence[Row] | pa.Table) -> None:
        """Add rows in one atomic commit; appends of several writers do not disturb each other."""
        data = rows if isinstance(rows, pa.Table) else schema.as_table(self.name, rows)
        if len(data):
            write_deltalake(self._newest(), data, mode="append", writer_properties=_ZSTD)

    def append_next(
        self, make_rows: Callable[[int], Sequence[Row]], *, base: int | None = None
    ) -> int | None:
        """Add what `make_rows(seq)` returns as commit number `seq`; return it, None if there are no rows."""

        def attempt(table: DeltaTable, seq: int) -> int | None:
            rows = make_rows(seq)
            if not rows:
                return None
            write_deltalake(
                table,
                schema.as_table(self.name, rows),
                mode="append",
                writer_properties=_ZSTD,
                commit_properties=self._commit(seq),
            )
            return seq

        return self._until_committed(attempt, base)

    def merge_next(
        self,
        make_changes: Callable[[Callable[[], pa.Table]], Changes],
        *,
        key: str | Sequence[str],
        base: int | None = None,
    ) -> int | None:
        """Put and remove rows by `key` in one atomic commit; return its version, None if nothing changed."""
        keys = [key] if isinstance(key, str) else key

        def attempt(table: DeltaTable, seq: int) -> int | None:
            changes = make_changes(lambda: self._rows(table))
            if not changes.put and not changes.remove:
                return None
            rows = schema.as_table(self.name, [*changes.put, *changes.remove])
            is_removed = [False] * len(changes.put) + [True] * len(changes.remove)
            columns = {name: f"s.{name}" for name in self.schema.names}
            (
                table.merge(
                    rows.append_column("_is_removed", pa.array(is_removed, pa.bool_())),
                    " AND ".join(f"t.{name} = s.{name}" for name in keys),
                    source_alias="s",
                    target_alias="t",
                    writer_properties=_ZSTD,
                    commit_properties=self._commit(seq, changes),
                )
                .when_matched_delete(predicate="s._is_removed")
                .when_matched_update(columns, predicate="NOT s._is_removed")
                .when_not_matched_insert(columns, predicate="NOT s._is_removed")
                .execute()
            )
            return int(table.version())

        return self._until_committed(attempt, base)

    def _until_committed(
        self, attempt: Callable[[DeltaTable, int], int | None], base: int | None
    ) -> int | None:
        """Call `attempt` with an opened table and the next commit number until no other writer is first.

        The callback reads through another object than the one it commits to: reading moves that one on, and a
        commit on top of what another writer did meanwhile would not conflict with it.
        """
        for number in range(_ATTEMPTS):
            table = DeltaTable(self._uri, version=base if number == 0 else None)
            try:
                return attempt(table, int(table.transaction_version(self.name) or 0) + 1)
            except CommitFailedError:
                time.sleep(random.uniform(0.01, 0.05 * 2 ** min(number, 6)))
        raise TableConflictError(
            f"other writers changed table {self.name!r} {_ATTEMPTS} times in a row; run the command again"
        )

    def _commit(self, seq: int, changes: Changes | None = None) -> CommitProperties:
        return CommitProperties(
            app_transactions=[Transaction(self.name, seq)],
            custom_metadata=dict(changes.metadata) if changes else None,
            max_commit_retries=0,
        )

    def _rows(
        self, table: DeltaTable, columns: list[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """Return the rows of an opened table through Arrow's own file system, in this table's types.

        deltalake's default file system calls Python from Arrow's threads; one of those threads still at work
        when Python ends aborts the process: 4 of 120 commands on a busy machine (apache/arrow issue 45214).
        """
        rows = table.to_pyarrow_dataset(filesystem=self._files).to_table(columns=columns, filter=where)
        return rows.cast(pa.schema([self.schema.field(name) for name in rows.column_names]))

    def history(self) -> list[dict[str, Any]]:
        """Return the commits, newest first, each with its version, timestamp (ms) and our metadata."""
        return list(self._newest().history())


def open_tables(folder: Path) -> Tables:
    """Return the tables of a workspace, which lie in `folder`; missing ones are created empty."""
    return Tables(**{name: Table(folder, name, columns) for name, columns in schema.ALL.items()})
