"""Commits of predictions for samples that waited for a model, by many writers: one for each sample."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.table_ports import Tables

_COLUMNS = ("sample_id", "model_version")


class PoolCommits:
    """Commits predictions by `model_version`, but for samples that another process has scored meanwhile.

    Samples are looked up after this is made; whatever is committed from then on counts. Where a commit can
    not tell what others have added, as after a compaction that removed files, it keeps all its rows: the
    newest prediction of a sample counts, and those of one model are the same.
    """

    def __init__(self, tables: Tables, model_version: str) -> None:
        self._predictions, self._model_version = tables.predictions, model_version
        self._mark = self._predictions.added(_COLUMNS, after=None).mark
        self._by_others: set[str] = set()

    def commit(self, rows: pa.Table) -> pa.Table:
        """Commit `rows` of predictions; return those of them that were committed."""
        committed = rows

        def unscored(_: int) -> pa.Table:
            nonlocal committed
            self._look_up()
            others = pa.array(sorted(self._by_others), pa.string())
            committed = rows.filter(pc.invert(pc.is_in(rows["sample_id"], value_set=others)))
            return committed

        self._predictions.append_once(unscored)
        self._look_up()
        self._by_others.difference_update(committed["sample_id"].to_pylist())
        return committed

    def _look_up(self) -> None:
        added = self._predictions.added(_COLUMNS, after=self._mark)
        self._mark = added.mark
        for part in () if added.is_whole else added.parts:
            ours = part.filter(pc.equal(part["model_version"], self._model_version))
            self._by_others.update(ours["sample_id"].to_pylist())
