"""Answer requests: the number of answers wanted of each task, recorded first and then set on the server.

Both steps are rows of one append-only table. A request holds the total number of answers of the task, not an
increment, so that a killed, repeated or parallel call requests no answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.ports import LabelingQueue, Row, Table
from goldloop.core.requests import AnswerRequest, RequestStatus
from goldloop.tables import codec

_WANTED, _TOLD = "wanted", "told"


@dataclass(frozen=True, slots=True)
class RequestLog:
    """All requests in order, and by key the number of answers wanted and on the server."""

    requests: tuple[AnswerRequest, ...]
    statuses: Mapping[str, RequestStatus]

    @property
    def n_wanted(self) -> dict[str, int]:
        """Return the number of answers wanted, by key, for every task with a request."""
        return {key: status.n_wanted for key, status in self.statuses.items()}


def read_requests(table: Table) -> RequestLog:
    """Return all requests and the state of each task."""
    rows = table.read().sort_by("seq")
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
    table: Table,
    choose: Callable[[], Sequence[AnswerRequest]],
    *,
    round_: int,
    at: datetime,
    base: int | None = None,
) -> list[AnswerRequest]:
    """Add and return the requests from `choose`, which is called again when another writer was first."""
    chosen: list[AnswerRequest] = []

    def make_rows(seq: int) -> list[Row]:
        chosen[:] = choose()
        return codec.rows_of(chosen, seq=seq, event=_WANTED, at=at, round=round_)

    table.append_next(make_rows, base=base)
    return chosen


def tell_server(
    table: Table, queue: LabelingQueue, outdated: Mapping[str, tuple[int, int]], *, at: datetime
) -> None:
    """Set on the server how many annotators answer each `outdated` task, (task_id, n_answers) by key.

    Raises:
        ServiceError: the server failed; the next call repeats the request.
    """
    if outdated:
        queue.ask(dict(outdated.values()))
        table.append_next(
            lambda seq: [
                {"key": key, "seq": seq, "event": _TOLD, "n_answers": n, "task_id": task_id, "at": at}
                for key, (task_id, n) in outdated.items()
            ]
        )
