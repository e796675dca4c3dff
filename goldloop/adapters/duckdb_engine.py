"""The engine: DuckDB answers questions over tables where their rows lie, and returns the answer alone."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from goldloop.core.disk import disk_error
from goldloop.core.errors import StorageError
from goldloop.core.table_ports import ParquetFiles, Source

if TYPE_CHECKING:
    import duckdb

_SETTINGS: dict[str, str | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is downloaded
    "preserve_insertion_order": False,  # takes memory, and no order is promised
}


_WRITING: dict[str, str | int | float | list[str]] = {"memory_limit": "400MB"}
"""A view is written by whoever asks first, who may be any command; what does not fit goes to the disk."""


class DuckDbEngine:
    """Answers SQL over tables. Satisfies `goldloop.core.table_ports.Engine`."""

    def query(self, sql: str, *, usual_mb: int | None = None, **tables: Source) -> pa.Table:
        """Return the answer to `sql` over `tables`, which have these names, each in its newest version.

        Where an answer takes more memory than `usual_mb`, the disk is used instead, if that suffices.

        Raises:
            StorageError: the files of a table cannot be read.
        """
        import duckdb  # takes a tenth of a second, which a command without a question need not wait

        if usual_mb is not None:
            try:
                with _connected({"memory_limit": f"{usual_mb}MB"}, tables) as connection:
                    return connection.sql(sql).to_arrow_table()
            except StorageError as error:
                if not isinstance(error.__cause__, duckdb.OutOfMemoryException):
                    raise
        with _connected({}, tables) as connection:
            return connection.sql(sql).to_arrow_table()

    def write(self, sql: str, path: Path, notes: Mapping[str, str], **tables: Source) -> None:
        """Write the answer to `sql` to a new Parquet file, with `notes` as its metadata; see the port."""
        metadata = ", ".join(f"{_quoted(name)}: {_quoted(note)}" for name, note in notes.items())
        form = f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, KV_METADATA {{{metadata}}}"
        with _connected(_WRITING, tables) as connection:
            connection.execute(f"COPY ({sql}) TO {_quoted(str(path))} ({form})")


@contextmanager
def _connected(
    settings: dict[str, str | int | float | list[str]],
    tables: Mapping[str, Source],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that knows `tables` by their names."""
    import duckdb

    try:
        spill = {"temp_directory": _spill_folder()}
        with duckdb.connect(config=_SETTINGS | spill | settings) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            for name, table in tables.items():
                _add(connection, name, table)
            yield connection
    except duckdb.Error as error:
        if isinstance(error, duckdb.ProgrammingError):
            raise
        names, why = ", ".join(sorted(tables)), str(error).partition("\n")[0]
        raise disk_error(error, f"read the tables {names}") or StorageError(
            f"the tables {names} cannot be read: {why}. Run `goldloop check`, which names what is damaged"
        ) from error


def _spill_folder() -> str:
    """Return where an answer goes that is too large for the memory; "" where no disk takes it."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return ""


def _add(connection: duckdb.DuckDBPyConnection, name: str, table: Source) -> None:
    """Let `connection` know the rows of `table` by this name; a column that no file has yet is null."""
    found = table if isinstance(table, (pa.Table, ParquetFiles)) else table.scan()
    if isinstance(found, pa.Table):
        connection.register(name, found)
        return
    if not found.paths:
        connection.register(name, (found.schema or pa.schema([])).empty_table())
        return
    rows = source = f"read_parquet([{_texts(found.paths)}], union_by_name = true)"
    if found.schema is not None:
        rows = _with_missing(connection, name, source, found.schema)
    connection.execute(f"CREATE TEMP VIEW {name} AS FROM {rows}")


def _with_missing(connection: duckdb.DuckDBPyConnection, name: str, source: str, columns: pa.Schema) -> str:
    """Return the rows of `source` with `columns` alone, those that it lacks null."""
    present = {column for column, *_ in connection.execute(f"SELECT * FROM {source} LIMIT 0").description}
    chosen = ", ".join(f'"{column}"' for column in columns.names if column in present)
    rows = f"SELECT {chosen} FROM {source}"
    if missing := [columns.field(column) for column in columns.names if column not in present]:
        connection.register(f"{name}_missing", pa.schema(missing).empty_table())
        rows += f" UNION ALL BY NAME SELECT * FROM {name}_missing"
    return f"({rows})"


def _texts(paths: Sequence[str]) -> str:
    return ", ".join(_quoted(glob.escape(path)) for path in paths)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
