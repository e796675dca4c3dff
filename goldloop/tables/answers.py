"""Answers: every annotation that was pulled, retracted ones included, and the answers wanted of each task.

A request for answers is recorded first and then set on the server; both steps are rows of one append-only
table. A request holds the total number of answers of the task, not an increment, so that a killed, repeated
or parallel call requests no answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.annotations import StoredAnnotation
from goldloop.core.table_ports import Changes, Table
from goldloop.core.tasks import AnswerRequest, RequestStatus
from goldloop.tables import codec

_WANTED, _TOLD = "wanted", "told"
_IDENTITY = ("key", "task_id", "annotation_id", "created_at")  # of an annotation, see StoredAnnotation
_IN_ORDER = [("annotation_id", "ascending"), ("created_at", "ascending")]


@dataclass(frozen=True, slots=True)
class RequestLog:
    """All requests in order, and by key the number of answers wanted and on the server."""

    requests: tuple[AnswerRequest, ...]
    statuses: Mapping[str, RequestStatus]

    @property
    def n_wanted(self) -> dict[str, int]:
        """Return the number of answers wanted, by key, for every task with a request."""
        return {key: status.n_wanted for key, status in self.statuses.items()}


def read_requests(table: Table, keys: Collection[str] | None = None) -> RequestLog:
    """Return all requests and the state of each task, or those of the tasks `keys`."""
    rows = table.read(where=None if keys is None else codec.is_among("key", keys)).sort_by("seq")
    statuses: dict[str, RequestStatus] = {}
    for key, event, n_answers, task_id in codec.column_values(rows, "key", "event", "n_answers", "task_id"):
        before = statuses.get(key, RequestStatus())
        if event == _WANTED:
            statuses[key] = RequestStatus(max(before.n_wanted, n_answers), before.told)
        else:
            statuses[key] = RequestStatus(before.n_wanted, (task_id, n_answers))
    wanted = codec.values_of(AnswerRequest, rows.filter(pc.field("event") == _WANTED))
    return RequestLog(tuple(wanted), statuses)


def add_requests(
    table: Table, choose: Callable[[], Sequence[AnswerRequest]], *, round_: int, at: datetime, base: int
) -> Sequence[AnswerRequest]:
    """Add and return the requests from `choose`, which is called again when another writer was first."""
    return codec.append_values(table, choose, base=base, event=_WANTED, at=at, round=round_)


def record_told(table: Table, told: Mapping[str, tuple[int, int]], *, at: datetime) -> None:
    """Record how many annotators answer each task on the server now, (task_id, n_answers) by key."""
    table.append_next(
        lambda seq: [
            {"key": key, "seq": seq, "event": _TOLD, "n_answers": n, "task_id": task_id, "at": at}
            for key, (task_id, n) in told.items()
        ]
    )


def read_annotations(table: Table, keys: Collection[str] | None = None) -> list[StoredAnnotation]:
    """Return every annotation, retracted ones too, or those of the tasks `keys`, in order of id."""
    rows = table.read(where=None if keys is None else codec.is_among("key", keys))
    return codec.values_of(StoredAnnotation, rows.sort_by(_IN_ORDER))


def annotations_at(table: Table, first: datetime, last: datetime) -> list[StoredAnnotation]:
    """Return the annotations made from `first` to `last`."""
    at = pc.field("created_at")
    return codec.values_of(StoredAnnotation, table.read(where=(at >= first) & (at <= last)))


def known_ids(table: Table, ids: Collection[int]) -> set[int]:
    """Return which of the annotation `ids` the table holds."""
    wanted = pc.field("annotation_id").isin(pa.array(sorted(ids), pa.int64()))
    return set(table.read(["annotation_id"], where=wanted)["annotation_id"].to_pylist())


def merge_annotations(
    table: Table,
    make_changes: Callable[[Sequence[StoredAnnotation]], Sequence[StoredAnnotation]],
    keys: Collection[str],
) -> list[StoredAnnotation]:
    """Write and return the annotations that `make_changes` returns for those of the tasks `keys`.

    It is called again, with fresh annotations, when another writer was first.
    """
    wanted = codec.is_among("key", keys)
    changed: list[StoredAnnotation] = []

    def changes(read: Callable[[], pa.Table]) -> Changes:
        kept = codec.values_of(StoredAnnotation, read().filter(wanted).sort_by(_IN_ORDER))
        changed[:] = make_changes(kept)
        return Changes(codec.rows_of(changed))

    table.merge_next(changes, key=_IDENTITY)
    return changed
