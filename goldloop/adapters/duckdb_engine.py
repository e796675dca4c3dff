"""The engine: DuckDB answers questions over tables where their rows lie, and returns the answer alone."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from goldloop.core.disk import disk_error
from goldloop.core.errors import StorageError
from goldloop.core.table_ports import Table

if TYPE_CHECKING:
    import duckdb

_SETTINGS: dict[str, str | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is downloaded
    "preserve_insertion_order": False,  # takes memory, and no order is promised
}


class DuckDbEngine:
    """Answers SQL over tables. Satisfies `goldloop.core.table_ports.Engine`."""

    def query(self, sql: str, **tables: Table | pa.Table) -> pa.Table:
        """Return the answer to `sql` over `tables`, which have these names, each in its newest version.

        Raises:
            StorageError: the files of a table cannot be read.
        """
        import duckdb  # takes a tenth of a second, which a command without a question need not wait

        try:
            with duckdb.connect(config=_SETTINGS | {"temp_directory": _spill_folder()}) as connection:
                connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
                for name, table in tables.items():
                    _add(connection, name, table)
                return connection.sql(sql).to_arrow_table()
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


def _add(connection: duckdb.DuckDBPyConnection, name: str, table: Table | pa.Table) -> None:
    """Let `connection` know the rows of `table` by this name; a column that no file has yet is null."""
    found = table if isinstance(table, pa.Table) else table.scan()
    if isinstance(found, pa.Table) or not found.paths:
        rows = found if isinstance(found, pa.Table) else found.schema.empty_table()
        connection.register(name, rows)
        return
    source = f"read_parquet([{_texts(found.paths)}], union_by_name = true)"
    present = {column for column, *_ in connection.execute(f"SELECT * FROM {source} LIMIT 0").description}
    columns = ", ".join(f'"{column}"' for column in found.schema.names if column in present)
    rows = f"SELECT {columns} FROM {source}"
    if missing := [found.schema.field(column) for column in found.schema.names if column not in present]:
        connection.register(f"{name}_missing", pa.schema(missing).empty_table())
        rows += f" UNION ALL BY NAME SELECT * FROM {name}_missing"
    connection.execute(f"CREATE TEMP VIEW {name} AS {rows}")


def _texts(paths: Sequence[str]) -> str:
    return ", ".join("'" + glob.escape(path).replace("'", "''") + "'" for path in paths)
