"""Delta Lake tables: atomic commits from several writers, and old versions that stay readable."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from goldloop.adapters.delta_added import added_files, added_rows
from goldloop.adapters.delta_commits import ATTEMPTS, merge, pause, properties, write
from goldloop.adapters.delta_compaction import PROPERTIES, Compactor, merge_small_files
from goldloop.adapters.delta_history import with_removed
from goldloop.adapters.delta_log import TableFiles
from goldloop.adapters.delta_rows import RowReader
from goldloop.adapters.duckdb_engine import DuckDbEngine
from goldloop.adapters.sqlite_index import SqliteIndex
from goldloop.adapters.view_files import ViewFiles
from goldloop.core.compaction import Compaction
from goldloop.core.digest_index import AddedRows
from goldloop.core.disk import disk_errors, make_folder
from goldloop.core.errors import GoldVersionError, StorageError, TableConflictError
from goldloop.core.table_ports import AddedFiles, Changes, ParquetFiles, Row, Tables
from goldloop.tables import schema

# Only goldloop removes parts of the log: it knows which versions are named.
_PROPERTIES = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.enableChangeDataFeed": "true",
    **PROPERTIES,
}
INDEX = "index"  # the folder beside the tables with what is derived from them


class Table:
    """One table of the workspace. Satisfies `goldloop.core.table_ports.Table`, which names the errors."""

    def __init__(self, folder: Path, name: str, columns: pa.Schema) -> None:
        """Open, or create empty, the table `name` below `folder`."""
        self.name = name
        self.schema = columns
        self.index = SqliteIndex(folder.parent / INDEX / f"{name}.sqlite")
        self.views = ViewFiles(folder.parent / INDEX)
        self._uri = str(folder / name)
        self._log = TableFiles(name, folder / name)
        self._rows = RowReader(name, self._uri, columns, self._log)
        try:
            self._table = self._open()
        except TableNotFoundError:
            self._create(folder)
            self._table = self._open()
        self._has_all_columns = False

    def _create(self, folder: Path) -> None:
        if next((folder / self.name).glob("*.parquet"), None):
            raise StorageError(
                f"table {self.name!r} has data files but no commits: {folder / self.name / '_delta_log'} is "
                "empty. Restore that folder from a backup, then run the same command again"
            )
        with disk_errors(f"create table {self.name!r}", folder):
            make_folder(folder)
        self._log.room_for(0)
        try:
            with self._log.errors("create"):
                DeltaTable.create(self._uri, self.schema, mode="ignore", configuration=_PROPERTIES)
        except (DeltaError, StorageError):
            time.sleep(0.1)
            if not DeltaTable.is_deltatable(self._uri):  # else another process has created it meanwhile
                raise

    def _open(self, version: int | None = None) -> DeltaTable:
        """Return the table at `version` (None: the newest), checked and on the disk."""
        with self._log.errors("open"):
            table = DeltaTable(self._uri, version=version)
        self._log.trust(int(table.version()))
        return table

    def _newest(self) -> DeltaTable:
        with self._log.errors("read the log of"):
            self._table.update_incremental()
        self._log.trust(int(self._table.version()))
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
        if version is not None and version != int(table.version()):
            table = self._old(version, int(table.version()))
        return self._rows(table, list(columns) if columns else None, where)

    def _old(self, version: int, newest: int) -> DeltaTable:
        """Return the table as of `version`, opened.

        Raises:
            GoldVersionError: there is no such version, or it was removed.
        """
        if not 0 <= version <= newest:
            raise GoldVersionError(
                f"table {self.name!r} has versions 0 to {newest}, not {version}; see 'goldloop gold log'"
            )
        self._log.shortened().check(self.name, version)
        try:
            if version >= self._log.shortened().begins:
                self._log.check_version(version)
            return self._open(version)
        except (StorageError, TableNotFoundError):
            self._log.shortened().check(self.name, version)  # another process may be removing it
            raise

    def scan(self) -> ParquetFiles:
        """Return the files of the newest version."""
        table = self._newest()
        with self._log.errors("read"):
            names = sorted(uri.rpartition("/")[2] for uri in table.file_uris())  # they are URL-encoded before
        return ParquetFiles(tuple(f"{self._uri}/{name}" for name in names), self.schema)

    def added(self, columns: Sequence[str], *, after: str | None) -> AddedRows:
        """Return the rows that were added since the commit with the mark `after`; None: all."""
        table = self._newest()
        with self._log.errors("read"):
            return added_rows(self._log, table, after, columns)

    def added_files(self, after: str | None) -> AddedFiles:
        """Return where the rows are that `added` returns."""
        table = self._newest()
        with self._log.errors("read"):
            return added_files(self._log, table, after)

    def append(self, rows: Sequence[Row] | pa.Table) -> None:
        """Add rows in one atomic commit; appends of several writers do not disturb each other."""
        data = self._data(rows)
        if len(data):
            self._add_missing_columns(None)
            try:
                write(self._log, self._newest(), data, properties())
            except CommitFailedError:
                self._until_committed(lambda table, _: write(self._log, table, data, properties()), None)
            merge_small_files(self._log, self._newest())

    def _data(self, rows: Sequence[Row] | pa.Table) -> pa.Table:
        return rows if isinstance(rows, pa.Table) else schema.as_table(self.name, rows)

    def has(self, transaction: str) -> bool:
        """Return whether a commit has this transaction."""
        return self._newest().transaction_version(transaction) is not None

    def append_once(
        self, make_rows: Callable[[int], Sequence[Row] | pa.Table], *, transaction: str | None = None
    ) -> int | None:
        """Add what `make_rows(version)` returns on top of that version, the newest; see the port."""

        def attempt(table: DeltaTable, _: int) -> int | None:
            if transaction is not None and table.transaction_version(transaction) is not None:
                return None
            data = self._data(make_rows(int(table.version())))
            if not len(data):
                return None
            named = [(transaction, 1)] if transaction is not None else []
            return write(self._log, table, data, properties(*named))

        committed = self._until_committed(attempt, None)
        if committed is None:
            return None
        newest = self._newest()
        is_ours = int(newest.version()) == committed
        merged = merge_small_files(self._log, newest)
        return committed if merged is None or not is_ours else merged

    def append_next(
        self, make_rows: Callable[[int], Sequence[Row]], *, base: int | None = None
    ) -> int | None:
        """Add what `make_rows(seq)` returns as commit number `seq`; return it, None if there are no rows."""

        def attempt(table: DeltaTable, seq: int) -> int | None:
            rows = make_rows(seq)
            if not rows:
                return None
            write(self._log, table, schema.as_table(self.name, rows), properties((self.name, seq)))
            return seq

        return self._tidied(self._until_committed(attempt, base))

    def merge_next(
        self,
        make_changes: Callable[[Callable[[], pa.Table]], Changes],
        *,
        key: str | Sequence[str],
        base: int | None = None,
    ) -> int | None:
        """Put and remove rows by `key` in one atomic commit; return its version, None if nothing changed."""

        def attempt(table: DeltaTable, seq: int) -> int | None:
            changes = make_changes(lambda: self._rows(table))
            if not changes.put and not changes.remove:
                return None
            rows = schema.as_table(self.name, [*changes.put, *changes.remove])
            is_removed = [False] * len(changes.put) + [True] * len(changes.remove)
            rows = rows.append_column("_is_removed", pa.array(is_removed, pa.bool_()))
            keys = [key] if isinstance(key, str) else key
            return merge(self._log, table, rows, keys, properties((self.name, seq), changes=changes))

        return self._tidied(self._until_committed(attempt, base))

    def _tidied(self, committed: int | None) -> int | None:
        """Return what was committed, after it."""
        if committed is not None:
            merge_small_files(self._log, self._newest())
        return committed

    def _until_committed(
        self, attempt: Callable[[DeltaTable, int], int | None], base: int | None
    ) -> int | None:
        """Call `attempt` with an opened table and the next commit number until no other writer is first.

        The callback reads through another object than the one it commits to: reading moves that one on, and a
        commit on top of what another writer did meanwhile would not conflict with it.
        """
        base = self._add_missing_columns(base)
        for number in range(ATTEMPTS):
            table = self._open(base if number == 0 else None)
            try:
                return attempt(table, int(table.transaction_version(self.name) or 0) + 1)
            except CommitFailedError:
                pause(number)
        raise TableConflictError(
            f"other writers changed table {self.name!r} {ATTEMPTS} times in a row; run the command again"
        )

    def _add_missing_columns(self, base: int | None) -> int | None:
        """Add the columns that an earlier goldloop did not know; return the base after that commit.

        It is a commit of its own, so a table that nobody writes stays as it was.
        """
        if self._has_all_columns:
            return base
        table = self._newest()
        missing = self._rows.missing(pa.schema(table.schema().to_arrow()))
        version = int(table.version())
        if missing:
            with self._log.errors(f"add the columns {[field.name for field in missing]} to"):
                table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
            self._log.trust(version + 1)
            base = version + 1 if base == version else base
        self._has_all_columns = True
        return base

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the commits, newest first; see the port."""
        table = self._newest()
        newest, begins = int(table.version()), self._log.shortened().begins
        if limit is not None and newest - limit + 1 >= begins:
            return [self._log.entry(number, newest) for number in range(newest, newest - limit, -1)]
        self._log.check_history(newest, 0 if limit is None else newest - limit + 1)
        with self._log.errors("read the log of"):
            entries = list(table.history(limit))
        return entries if limit is not None else with_removed(entries, self._log.log, begins)

    def compact(
        self, named: Collection[int], *, before: datetime, at: datetime, is_dry_run: bool = False
    ) -> Compaction:
        """Merge small files, shorten the log and remove what no kept version needs; see the port."""
        keeps_named = self.name in schema.VERSIONED
        compactor = Compactor(self._log, self._open, keeps_named, named, before)
        return compactor.expect() if is_dry_run else compactor.run(at)


def open_tables(folder: Path) -> Tables:
    """Return the tables of a workspace, which lie in `folder`; missing ones are created empty."""
    tables = {name: Table(folder, name, columns) for name, columns in schema.ALL.items()}
    return Tables(**tables, engine=DuckDbEngine())
