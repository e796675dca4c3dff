"""Answer requests: the number of answers wanted of each task, recorded first and then set on the server.

Both steps are rows of one append-only table. A request holds the total number of answers of the task, not an
increment, so that a killed, repeated or parallel call requests no answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.ports import LabelingQueue, Row, Table
from goldloop.core.tasks import AnswerRequest, RequestReason, RequestStatus

_WANTED, _TOLD = "wanted", "told"


@dataclass(frozen=True, slots=True)
class RequestLog:
    """All requests in order, the round of each, and by key the number of answers wanted and on the server."""

    requests: tuple[AnswerRequest, ...]
    rounds: tuple[int, ...]
    statuses: Mapping[str, RequestStatus]

    @property
    def n_wanted(self) -> dict[str, int]:
        """Return the number of answers wanted, by key, for every task with a request."""
        return {key: status.n_wanted for key, status in self.statuses.items()}

    def in_round(self, number: int) -> list[AnswerRequest]:
        """Return the requests of one round, in order."""
        pairs = zip(self.requests, self.rounds, strict=True)
        return [request for request, round_ in pairs if round_ == number]


def read_requests(table: Table) -> RequestLog:
    """Return all requests and the state of each task."""
    rows = table.read().sort_by("seq")
    statuses: dict[str, RequestStatus] = {}
    names = ("key", "event", "n_answers", "task_id")
    for key, event, n_answers, task_id in zip(*(rows[name].to_pylist() for name in names), strict=True):
        before = statuses.get(key, RequestStatus())
        if event == _WANTED:
            statuses[key] = RequestStatus(max(before.n_wanted, n_answers), before.told)
        else:
            statuses[key] = RequestStatus(before.n_wanted, (task_id, n_answers))
    wanted = rows.filter(pc.field("event") == _WANTED)
    return RequestLog(_requests(wanted), tuple(wanted["round"].to_pylist()), statuses)


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
        return [
            {
                **_row(request.key, seq, _WANTED, request.n_answers, at),
                "reason": str(request.reason),
                "round": round_,
            }
            for request in chosen
        ]

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
                {**_row(key, seq, _TOLD, n_answers, at), "task_id": task_id}
                for key, (task_id, n_answers) in outdated.items()
            ]
        )


def _requests(rows: pa.Table) -> tuple[AnswerRequest, ...]:
    records: Iterable[Mapping[str, Any]] = rows.to_pylist()
    return tuple(
        AnswerRequest(row["key"], row["n_answers"], RequestReason(row["reason"]), row["at"])
        for row in records
    )


def _row(key: str, seq: int, event: str, n_answers: int, at: datetime) -> dict[str, Any]:
    return {"key": key, "seq": seq, "event": event, "n_answers": n_answers, "at": at}
