"""AnswerRequests: how many different people shall answer each task, wanted here first and then told to the server.

Both are rows of one table that is only ever added to. What is wanted is the total for the task, not one more,
so that nothing is asked twice whatever is killed, repeated or run in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.ports import LabelingQueue, Row, Table
from goldloop.core.requests import AnswerRequest, RequestReason, RequestStatus
from goldloop.core.tasks import Event
from goldloop.tables.task_log import TaskLog

_WANTED, _TOLD = "wanted", "told"


class AnswerRequests:
    """Reads and adds asks; every addition is one commit that no other writer can also make."""

    def __init__(self, table: Table) -> None:
        """Read and write the asks table `table`."""
        self._table = table

    def statuses(self) -> dict[str, RequestStatus]:
        """Return what is wanted and told, by key; a key that nobody asked more about is missing."""
        found: dict[str, RequestStatus] = {}
        names = ["key", "event", "n_answers", "task_id", "seq"]
        rows = self._table.read(names).sort_by("seq")
        for key, event, n_answers, task_id, _ in zip(
            *(rows[name].to_pylist() for name in names), strict=True
        ):
            before = found.get(key, RequestStatus())
            if event == _WANTED:
                found[key] = RequestStatus(max(before.n_wanted, n_answers), before.told)
            else:
                found[key] = RequestStatus(before.n_wanted, (task_id, n_answers))
        return found

    def in_round(self, round_: int) -> list[AnswerRequest]:
        """Return what was asked in a round, in order."""
        return _requests_of(self._table.read().filter(pc.field("round") == round_))

    def all(self) -> list[AnswerRequest]:
        """Return everything ever asked, in order."""
        return _requests_of(self._table.read())

    def want(
        self, choose: Callable[[], Sequence[AnswerRequest]], *, round_: int, at: datetime
    ) -> list[AnswerRequest]:
        """Add and return what `choose` returns; it is asked again when another writer was first."""
        chosen: list[AnswerRequest] = []

        def make_rows(seq: int) -> list[Row]:
            chosen[:] = choose()
            return [
                {**_row(one.key, seq, _WANTED, one.n_answers, at), "reason": str(one.reason), "round": round_}
                for one in chosen
            ]

        self._table.append_next(make_rows)
        return chosen

    def tell(self, queue: LabelingQueue, task_log: TaskLog, *, at: Callable[[], datetime]) -> int:
        """Tell the server of every task that waits for more answers than it knows of; return how many.

        Raises:
            ServiceError: the server failed; the next call tells it again.
        """
        tasks = task_log.statuses()
        open_: dict[str, tuple[int, int]] = {}
        for key, one in self.statuses().items():
            task = tasks.get(key)
            if task is None or task.event is not Event.PUSHED or task.task_id is None:
                continue
            if not one.is_told(task.task_id):
                open_[key] = (task.task_id, one.n_wanted)
        if open_:
            queue.ask(dict(open_.values()))
            self._record(open_, at())
        return len(open_)

    def _record(self, told: Mapping[str, tuple[int, int]], at: datetime) -> None:
        self._table.append_next(
            lambda seq: [
                {**_row(key, seq, _TOLD, n_answers, at), "task_id": task_id}
                for key, (task_id, n_answers) in told.items()
            ]
        )


def _requests_of(rows: pa.Table) -> list[AnswerRequest]:
    wanted = rows.filter(pc.field("event") == _WANTED).sort_by("seq").to_pylist()
    return [
        AnswerRequest(row["key"], row["n_answers"], RequestReason(row["reason"]), row["at"]) for row in wanted
    ]


def _row(key: str, seq: int, event: str, n_answers: int, at: datetime) -> dict[str, Any]:
    return {"key": key, "seq": seq, "event": event, "n_answers": n_answers, "at": at}
