"""What waits for a commit while samples are scored, and the commit: arrivals first, then predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.lanes import Lane
from goldloop.core.samples import Arrived, BatchId, SampleId
from goldloop.core.table_ports import Row, Tables
from goldloop.drift.sketches import Observed, Sketch
from goldloop.scoring.rows import WaitingRows
from goldloop.tables import codec
from goldloop.tables.arrival_commits import commit_arrivals, transaction_of
from goldloop.tables.pool_commits import PoolCommits

if TYPE_CHECKING:
    from goldloop.scoring.writer import ScoreReport


@dataclass(slots=True)
class PendingRows:
    """Rows that wait for a commit, and what the model saw of their samples; counted when they are committed.

    `looked_up` is the version of the table of samples in which their files and ids were looked up, None where
    other writers have committed since.
    `scored_in` names the pass whose blocks are committed once each, None where nobody repeats one.
    `transaction` names a block whose arrivals are committed already. `accepted_before` has the labels that an
    older model had accepted. `pool` commits predictions for samples that waited for the model; None where
    the samples arrive now.
    """

    batch: BatchId
    tables: Tables
    report: ScoreReport
    accepted_before: Mapping[str, str] = field(default_factory=dict)
    looked_up: int | None = None
    scored_in: str | None = None
    transaction: str | None = None
    pool: PoolCommits | None = None
    sketch: Sketch | None = None
    _samples: WaitingRows = field(default_factory=lambda: WaitingRows("samples"))
    _predictions: WaitingRows = field(default_factory=lambda: WaitingRows("predictions"))
    _observed: list[tuple[Sequence[SampleId], Observed]] = field(default_factory=list)

    def add_sample(self, row: Row) -> None:
        """Add the row of an arrival."""
        self._samples.add(row)

    def add_predictions(self, rows: Sequence[Row]) -> None:
        """Add rows of predictions."""
        for row in rows:
            self._predictions.add(row)

    def observe(self, sample_ids: Sequence[SampleId], seen: Observed) -> None:
        """Add what a model saw of samples, in their order."""
        self._observed.append((sample_ids, seen))

    def forget_observed(self) -> None:
        """Forget what the model saw."""
        self._observed = []

    def commit(self) -> None:
        """Commit everything, arrivals first; another writer's files and samples are left out."""
        arrivals, predictions = self._samples.taken(), self._predictions.taken()
        left_out: set[str] = set()
        transaction = self.transaction
        if len(arrivals):
            if self.scored_in is not None:
                files = codec.column_values(arrivals, "uri", "stamp")
                transaction = transaction_of(self.scored_in, self.batch, files)
            committed = commit_arrivals(
                self.tables, arrivals, looked_up=self.looked_up, transaction=transaction
            )
            self.looked_up = committed.looked_up
            self.count_arrivals(committed.rows, n_known=len(arrivals) - len(committed.rows))
            left_out = set(_sample_ids(arrivals)) - set(_sample_ids(committed.rows))
        if left_out:
            is_left_out = pc.is_in(
                predictions["sample_id"], value_set=pa.array(sorted(left_out), pa.string())
            )
            predictions = predictions.filter(pc.invert(is_left_out))
        if self.pool is not None:
            committed = self.pool.commit(predictions)
            left_out = set(predictions["sample_id"].to_pylist()) - set(committed["sample_id"].to_pylist())
            self._count_predictions(committed)
        else:
            self._commit_predictions(predictions, transaction)
        self._sum_up(left_out)

    def _commit_predictions(self, rows: pa.Table, transaction: str | None) -> None:
        if transaction is None:
            self.tables.predictions.append(rows)
        else:
            self.tables.predictions.append_once(lambda _: rows, transaction=transaction)
        self._count_predictions(rows)

    def _count_predictions(self, rows: pa.Table) -> None:
        self.report.lanes.update(rows["lane"].to_pylist())
        if self.accepted_before:
            for row in rows.select(["sample_id", "lane", "decided"]).to_pylist():
                if row["sample_id"] in self.accepted_before:
                    self.report.second_looks[_second_look(row, self.accepted_before[row["sample_id"]])] += 1

    def count_arrivals(self, rows: pa.Table, *, n_known: int = 0) -> None:
        """Count rows of arrivals that are in the table now, and files that another writer had recorded."""
        kinds = Counter(rows["arrived"].to_pylist())
        self.report.n_duplicates += kinds[str(Arrived.DUPLICATE)]
        aside = rows.filter(pc.equal(rows["arrived"], str(Arrived.QUARANTINE)))
        self.report.quarantined.update(aside["reason"].to_pylist())
        self.report.n_files -= n_known
        self.report.n_known += n_known

    def _sum_up(self, left_out: set[str]) -> None:
        """Add what the model saw to the sketch, but for samples that are left out."""
        for ids, seen in self._observed:
            kept = seen.without(np.array([one in left_out for one in ids])) if left_out else seen
            sketch = kept.sketch()
            self.sketch = sketch if self.sketch is None else self.sketch + sketch
        self._observed = []


def _sample_ids(rows: pa.Table) -> list[str]:
    ids: list[str] = rows.filter(pc.equal(rows["arrived"], str(Arrived.SAMPLE)))["sample_id"].to_pylist()
    return ids


def _second_look(row: Row, accepted: str) -> str:
    """Return what became of a label that an older model had `accepted`."""
    if row["lane"] != str(Lane.AUTO):
        return "to annotators"
    return "accepted again" if row["decided"] == accepted else "label changed"
