"""Views: the present state of what arrived and was predicted, which needs no read of all that was before.

A view has one row for each key of an append-only table: the first or the last of the key's rows. It rests on
a file that is complete up to some commit, and on the rows that commits have added since; the first and the
last of both together do not depend on how they are divided. Whoever asks while many were added writes the
file anew. The file holds nothing but what the table says, and may be removed.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from goldloop.core.errors import StorageError
from goldloop.core.materialized_views import DEFINITION, MARK, StoredView
from goldloop.core.samples import UNREADABLE, Arrived
from goldloop.core.table_ports import AddedFiles, ParquetFiles, Source, Table, Tables

MOST_ROWS, MOST_FILES = 50_000, 64
"""Rows and files that are read beside the file of a view; with more of them it is written anew."""

_SHARE = 8  # of the view's own rows that many may be read beside it in any case
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The first or last row, by the column `moment`, for each `key` of a table.

    `key` is SQL over a row, a UUID; `cells` are the columns of the view by name, as SQL over a row. Rows for
    which `where` does not hold are left out.
    """

    name: str
    table: Literal["samples", "predictions"]
    key: str
    which: Literal["min", "max"]
    moment: str
    cells: Mapping[str, str]
    where: str = "true"

    def of(self, rows: str) -> str:
        """Return the SQL of the view of `rows`."""
        cells = ", ".join(
            f"'{name}': {cell}" for name, cell in ({**self.cells, "moment": self.moment}).items()
        )
        found = f"SELECT {self.key} AS key, arg_{self.which}({{{cells}}}, {self.moment}) AS found FROM {rows}"
        return f"SELECT key, unnest(found) FROM ({found} WHERE {self.where} GROUP BY ALL)"

    def of_both(self, view: str, added: str) -> str:
        """Return the SQL of the view of all rows, given the `view` of some and the `added` other rows."""
        new, names = f"{self.name}_added", [*self.cells, "moment"]
        cells = ", ".join(f"'{name}': {name}" for name in names)
        both = f"SELECT * FROM {view} SEMI JOIN {new} USING (key) UNION ALL BY NAME SELECT * FROM {new}"
        found = f"SELECT key, arg_{self.which}({{{cells}}}, moment) AS found FROM ({both}) GROUP BY ALL"
        return (
            f"WITH {new} AS MATERIALIZED ({self.of(added)}) "
            f"SELECT * FROM {view} ANTI JOIN {new} USING (key) "
            f"UNION ALL BY NAME SELECT key, unnest(found) FROM ({found})"
        )

    @property
    def definition(self) -> str:
        """A digest of what the view is; a file of another one is of no use."""
        return hashlib.sha256(self.of("rows").encode()).hexdigest()


_SAMPLE = "md5_number(sample_id)::UUID"

COUNTED_FILES = View(
    "counted_files",
    "samples",
    "md5_number(concat_ws(chr(10), batch, uri, stamp))::UUID",
    "min",
    "arrived_at",
    {"sample": _SAMPLE, "arrived": "arrived", "reason": "reason"},
    f"coalesce(reason <> '{UNREADABLE}', true) AND arrived <> '{Arrived.OPENED}'",
)
"""Each file or row that was opened, by batch, uri and stamp, as it first arrived."""

ARRIVED_SAMPLES = View(
    "arrived_samples",
    "samples",
    _SAMPLE,
    "min",
    "arrived_at",
    {"sample_id": "sample_id", "batch": "batch", "entity": "entity"},
    f"arrived = '{Arrived.SAMPLE}'",
)
"""Each good sample as it first arrived."""

NEWEST_PREDICTIONS = View(
    "newest_predictions",
    "predictions",
    _SAMPLE,
    "max",
    "scored_at",
    {
        name: name
        for name in ("lane", "label", "confidence", "margin", "model_version", "audit_probability", "saving")
    },
)
"""The newest prediction of each sample."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a view: SQL over sources by name, and the file among these, if there is one."""

    sql: str
    sources: Mapping[str, Source] = field(default_factory=dict)
    stored: StoredView | None = None


def query_views(
    tables: Tables, sql: str, views: Iterable[View], *, usual_mb: int | None = None, **further: Source
) -> pa.Table:
    """Return the answer to `sql` over `views` and `further` tables, by their names, as `Engine.query` does.

    A view whose file is damaged, or was replaced meanwhile, is read again or derived anew.

    Raises:
        StorageError: the files of a table cannot be read.
    """
    views = list(views)
    for _ in range(_ATTEMPTS):
        found = {view: _rows(tables, view) for view in views}
        try:
            return _answer(tables, sql, found, usual_mb, further)
        except StorageError:
            if all(rows.stored is None for rows in found.values()):
                raise
        for view, rows in found.items():
            if rows.stored is not None:
                _table(tables, view).views.discard(rows.stored)
    return _answer(tables, sql, {view: _whole(tables, view) for view in views}, usual_mb, further)


def faulty_views(tables: Tables) -> list[View]:
    """Return the views whose files say something else than the whole tables; none while these grow."""
    found = []
    for view in (COUNTED_FILES, ARRIVED_SAMPLES, NEWEST_PREDICTIONS):
        version = _table(tables, view).version()
        kept, whole = _rows(tables, view), _whole(tables, view, "whole")
        if kept.stored is None:
            continue
        sql = (
            f"WITH kept AS ({kept.sql}), other AS ({whole.sql}) "
            "(FROM kept EXCEPT FROM other) UNION ALL (FROM other EXCEPT FROM kept) LIMIT 1"
        )
        differ = tables.engine.query(sql, usual_mb=None, **{**kept.sources, **whole.sources})
        if len(differ) and _table(tables, view).version() == version:
            found.append(view)
    return found


def discard_view(tables: Tables, view: View) -> None:
    """Remove the file of a view, which is then derived anew."""
    store = _table(tables, view).views
    while (stored := store.find(view.name, view.definition)) is not None:
        store.discard(stored)


def _answer(
    tables: Tables,
    sql: str,
    found: Mapping[View, _Rows],
    usual_mb: int | None,
    further: Mapping[str, Source],
) -> pa.Table:
    parts = ", ".join(f"{view.name} AS ({rows.sql})" for view, rows in found.items())
    sources = {name: source for rows in found.values() for name, source in rows.sources.items()}
    return tables.engine.query(
        f"WITH {parts} SELECT * FROM ({sql})", usual_mb=usual_mb, **{**sources, **further}
    )


def _rows(tables: Tables, view: View) -> _Rows:
    """Return the rows of `view` now; where many were added to its file, it is written first."""
    table = _table(tables, view)
    stored = table.views.find(view.name, view.definition)
    added = table.added_files(stored.mark if stored else None)
    rows = _of(view, stored, added)
    if not _is_much(stored, added):
        return rows
    notes = {DEFINITION: view.definition, MARK: added.mark}
    with contextlib.suppress(StorageError):  # without a file the answer takes longer, and is the same
        table.views.save(view.name, lambda path: tables.engine.write(rows.sql, path, notes, **rows.sources))
        written = table.views.find(view.name, view.definition)
        if written is not None:
            return _of(view, written, table.added_files(written.mark))
    return rows


def _whole(tables: Tables, view: View, source: str = "added") -> _Rows:
    return _of(view, None, _table(tables, view).added_files(None), source)


def _is_much(stored: StoredView | None, added: AddedFiles) -> bool:
    if added.is_whole or stored is None:
        return added.n_rows > MOST_ROWS
    return added.n_files > MOST_FILES or added.n_rows > max(MOST_ROWS, stored.n_rows // _SHARE)


def _of(view: View, stored: StoredView | None, added: AddedFiles, source: str = "added") -> _Rows:
    """Return the rows of `view`, of which a file holds some, unless the table cannot tell the others.

    `source` is the end of the name by which the SQL knows the `added` rows.
    """
    old, new = f"{view.name}_stored", f"{view.name}_rows_{source}"
    if stored is None or added.is_whole:
        return _Rows(view.of(new), {new: added.source})
    kept = ParquetFiles((str(stored.path),), None)
    if not added.n_rows:
        return _Rows(f"SELECT * FROM {old}", {old: kept}, stored)
    return _Rows(view.of_both(old, new), {old: kept, new: added.source}, stored)


def _table(tables: Tables, view: View) -> Table:
    table: Table = getattr(tables, view.table)
    return table
