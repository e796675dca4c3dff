"""The rows of an opened Delta table, in the columns that this goldloop knows."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from goldloop.adapters.delta_log import TableFiles
from goldloop.core.errors import StorageError


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the table `name` at `uri` as rows of `schema`."""

    name: str
    uri: str
    schema: pa.Schema
    files: TableFiles

    def __call__(
        self, table: DeltaTable, columns: list[str] | None = None, where: pc.Expression | None = None
    ) -> pa.Table:
        """Return the rows of an opened table through Arrow's own file system, in this table's types.

        Columns go by their names; one that the table does not have yet is null.

        deltalake's default file system calls Python from Arrow's threads; one of those threads still at work
        when Python ends aborts the process: 4 of 120 commands on a busy machine (apache/arrow issue 45214).
        """
        names = columns or self.schema.names
        with self.files.errors("read"):
            dataset = table.to_pyarrow_dataset(filesystem=SubTreeFileSystem(self.uri, LocalFileSystem()))
            missing = self.missing(dataset.schema)
            if missing:
                dataset = dataset.replace_schema(pa.schema([*dataset.schema, *missing]))
            rows = dataset.to_table(columns=names, filter=where)
            return rows.cast(pa.schema([self.schema.field(name) for name in names]))

    def missing(self, stored: pa.Schema) -> list[pa.Field]:
        """Return the columns that `stored` lacks.

        Raises:
            StorageError: it has columns that this goldloop does not know.
        """
        unknown = sorted(set(stored.names) - set(self.schema.names))
        if unknown:
            raise StorageError(
                f"table {self.name!r} in {self.uri} has the columns {unknown}, which this goldloop "
                "does not know: a newer goldloop has written it. Use that goldloop"
            )
        return [field for field in self.schema if field.name not in stored.names]
