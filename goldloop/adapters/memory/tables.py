"""Tables in memory: they keep every version and detect conflicts by version, like the Delta tables."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from threading import RLock
from time import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.adapters.duckdb_engine import DuckDbEngine
from goldloop.adapters.memory.index import MemoryIndex
from goldloop.adapters.view_files import ViewFiles
from goldloop.core.compaction import Compaction, TableSize
from goldloop.core.digest_index import AddedRows
from goldloop.core.errors import GoldVersionError, TableConflictError
from goldloop.core.table_ports import AddedFiles, Changes, Row, Tables
from goldloop.tables import schema

_ATTEMPTS = 12
_MOST_CHUNKS = 64  # more chunks make every read slower than joining them once


class MemoryTable:
    """One table in memory. Satisfies `goldloop.core.table_ports.Table`.

    `reads` holds the number of rows that each read returned.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.schema = schema.ALL[name]
        self.index = MemoryIndex()
        self.reads: list[int] = []
        self._versions: list[pa.Table] = [self.schema.empty_table()]
        self._commits: list[dict[str, Any]] = [_commit(0)]
        self._marks: dict[str, int] = {}
        self._changes_rows = [False]  # whether a commit did more than append, by version
        self._seqs = [0]  # number of the newest numbered commit, by version
        self._transactions = set[str]()
        self._lock = RLock()

    def version(self) -> int:
        """Return the newest version number."""
        return len(self._versions) - 1

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return the rows of a version (None: the newest) that satisfy `where`.

        Raises:
            GoldVersionError: there is no such version.
        """
        if version is not None and not 0 <= version <= self.version():
            raise GoldVersionError(
                f"table {self.name!r} has versions 0 to {self.version()}, not {version}; "
                "see 'goldloop gold log'"
            )
        rows = self._versions[self.version() if version is None else version]
        rows = rows if where is None else rows.filter(where)
        self.reads.append(len(rows))
        return rows if columns is None else rows.select(list(columns))

    def scan(self) -> pa.Table:
        """Return the rows of the newest version."""
        return self._versions[-1]

    @cached_property
    def views(self) -> ViewFiles:
        """Views of its rows, in a folder that goes with this table; it is made when there is one to keep."""
        folder = Path(gettempdir()) / f"goldloop-views-{token_hex(8)}"
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return ViewFiles(folder)

    def added(self, columns: Sequence[str], *, after: str | None) -> AddedRows:
        """Return the rows that were added since the commit with the mark `after`; None: all.

        Commits that are no appends have changed rows: then these are all rows.
        """
        mark, is_whole, rows = self._added(after)
        rows = rows.select(list(columns))
        self.reads.append(len(rows))
        return AddedRows(mark, is_whole, iter([rows] if len(rows) else []))

    def added_files(self, after: str | None) -> AddedFiles:
        """Return the rows that `added` returns."""
        mark, is_whole, rows = self._added(after)
        return AddedFiles(mark, is_whole, rows, len(rows), 1)

    def _added(self, after: str | None) -> tuple[str, bool, pa.Table]:
        begin, end = self._marks.get(after or ""), self.version()
        is_whole = begin is None or any(self._changes_rows[begin + 1 :])
        rows = self._versions[end].slice(0 if is_whole else len(self._versions[begin or 0]))
        mark = f"{end} {id(self)}"
        self._marks[mark] = end
        return mark, is_whole, rows

    def append(self, rows: Sequence[Row] | pa.Table) -> None:
        """Add rows in one commit."""
        data = rows if isinstance(rows, pa.Table) else schema.as_table(self.name, rows)
        if len(data):
            with self._lock:
                self._put(pa.concat_tables([self._versions[-1], data]), self._seqs[-1], is_append=True)

    def has(self, transaction: str) -> bool:
        """Return whether a commit has this transaction."""
        return transaction in self._transactions

    def append_once(
        self, make_rows: Callable[[int], Sequence[Row] | pa.Table], *, transaction: str | None = None
    ) -> int | None:
        """Add what `make_rows(version)` returns on top of that version, the newest; see the port."""

        def attempt(version: int, _: int) -> tuple[pa.Table, dict[str, str]] | None:
            rows = [] if transaction in self._transactions else make_rows(version)
            data = rows if isinstance(rows, pa.Table) else schema.as_table(self.name, rows)
            return (pa.concat_tables([self._versions[version], data]), {}) if len(data) else None

        committed = self._until_committed(attempt, None, is_append=True, transaction=transaction or "append")
        return None if committed is None else committed[0]

    def append_next(
        self, make_rows: Callable[[int], Sequence[Row]], *, base: int | None = None
    ) -> int | None:
        """Add the rows from `make_rows(seq)` as commit number `seq`, which no other commit has.

        Raises:
            TableConflictError: other writers won every attempt.
        """

        def attempt(version: int, seq: int) -> tuple[pa.Table, dict[str, str]] | None:
            rows = make_rows(seq)
            if not rows:
                return None
            return pa.concat_tables([self._versions[version], schema.as_table(self.name, rows)]), {}

        committed = self._until_committed(attempt, base, is_append=True)
        return None if committed is None else committed[1]

    def merge_next(
        self,
        make_changes: Callable[[Callable[[], pa.Table]], Changes],
        *,
        key: str | Sequence[str],
        base: int | None = None,
    ) -> int | None:
        """Put and remove rows by `key` in one commit; return its version, None if nothing changed.

        Raises:
            TableConflictError: other writers won every attempt.
        """

        def attempt(version: int, seq: int) -> tuple[pa.Table, dict[str, str]] | None:
            del seq
            changes = make_changes(lambda: self.read(version=version))
            if not changes.put and not changes.remove:
                return None
            keys = [key] if isinstance(key, str) else list(key)
            gone = {tuple(row[name] for name in keys) for row in (*changes.put, *changes.remove)}
            rows = self._versions[version]
            present = zip(*(rows[name].to_pylist() for name in keys), strict=True)
            kept = rows.filter(pa.array([cells not in gone for cells in present], pa.bool_()))
            put = schema.as_table(self.name, changes.put)
            return pa.concat_tables([kept, put]), dict(changes.metadata)

        committed = self._until_committed(attempt, base, is_append=False)
        return None if committed is None else committed[0]

    def history(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the newest `limit` commits (None: all), newest first: version, timestamp (ms), metadata."""
        return self._commits[::-1][:limit]

    def compact(
        self, named: Collection[int], *, before: datetime, at: datetime, is_dry_run: bool = False
    ) -> Compaction:
        """Do nothing: a table in memory has no files."""
        del named, before, at, is_dry_run
        return Compaction(self.name, TableSize(0, 0, 0, 0), TableSize(0, 0, 0, 0))

    def _until_committed(
        self,
        attempt: Callable[[int, int], tuple[pa.Table, dict[str, str]] | None],
        base: int | None,
        *,
        is_append: bool,
        transaction: str | None = None,
    ) -> tuple[int, int] | None:
        """Return version and number of the commit; None when `attempt` returned None.

        A commit with a `transaction` has no number of its own.
        """
        for number in range(_ATTEMPTS):
            version = base if number == 0 and base is not None else self.version()
            seq = self._seqs[version] + (transaction is None)
            result = attempt(version, seq)
            if result is None:
                return None
            with self._lock:
                if self.version() == version:
                    self._put(result[0], seq, is_append=is_append, **result[1])
                    if transaction is not None:
                        self._transactions.add(transaction)
                    return self.version(), seq
        raise TableConflictError(
            f"other writers changed table {self.name!r} {_ATTEMPTS} times in a row; run the command again"
        )

    def _put(self, rows: pa.Table, seq: int, *, is_append: bool, **metadata: str) -> None:
        is_split = rows.num_columns and rows.column(0).num_chunks > _MOST_CHUNKS
        self._versions.append(rows.combine_chunks() if is_split else rows)
        self._seqs.append(seq)
        self._changes_rows.append(not is_append)
        self._commits.append(_commit(self.version(), **metadata))


def _commit(version: int, **metadata: str) -> dict[str, Any]:
    return {"version": version, "timestamp": int(1000 * time()), **metadata}


def memory_tables() -> Tables:
    """Return empty tables of a workspace in memory."""
    return Tables(**{name: MemoryTable(name) for name in schema.ALL}, engine=DuckDbEngine())
