"""The changed tasks of several projects as one stream, in order of change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from goldloop.adapters.label_studio.task_list import Row

CHANGED_TASKS = 2000  # tasks per page of a pull, each of which is a commit
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

Fetch = Callable[[datetime, int], list[Row]]
"""Returns the first rows changed at or after a time, up to a number, oldest change first.

In these rows `updated_at` is a datetime.
"""


class ChangeStream:
    """The tasks of one project that changed at or after `since`.

    A page starts at the time where the last page ended, not at a page number, because a row that changes
    meanwhile moves to the end. A task may therefore come twice, the second time with its newer state.
    """

    def __init__(self, fetch: Fetch, since: datetime | None) -> None:
        self.since = since or _EVER
        self.is_full = False  # whether the last page was full, so that more rows wait
        self._fetch = fetch
        self._size = CHANGED_TASKS
        self._seen: set[tuple[int, datetime]] = set()

    def page(self) -> list[Row]:
        """Return the next new rows; an empty list when no task has changed since."""
        rows = self._fetch(self.since, self._size)
        fresh = [row for row in rows if (row["id"], row["updated_at"]) not in self._seen]
        self.is_full = len(rows) >= self._size
        if rows:
            if self.is_full and rows[-1]["updated_at"] == self.since:
                self._size *= 2  # more tasks share one moment than fit on a page
            self.since = rows[-1]["updated_at"]
            self._seen = {(row["id"], row["updated_at"]) for row in rows}
        return fresh


def merged_pages(streams: Sequence[ChangeStream]) -> Iterator[list[Row]]:
    """Yield pages of the rows of all `streams`, oldest change first across all.

    A reader that stops after any page and continues from its newest row misses no change. Therefore a row
    waits until every stream has been read past its time, by a request made after the row was seen: while one
    project is listed, tasks change in the projects listed before. The next pull yields the changes that
    happen during the last requests.
    """
    waiting = [row for stream in streams for row in stream.page()]
    is_last = not waiting
    reached = _EVER
    while not is_last:
        is_last = not any(stream.is_full for stream in streams)
        reached = max([reached, *(row["updated_at"] for row in waiting)])
        waiting += [row for stream in streams for row in stream.page()]
        complete = min([reached, *(stream.since for stream in streams if stream.is_full)])
        ready = {row["id"]: row for row in sorted(waiting, key=_age) if row["updated_at"] <= complete}
        waiting = [row for row in waiting if row["updated_at"] > complete]
        rows = sorted(ready.values(), key=_age)  # of a task seen twice, the newer state remains
        for first in range(0, len(rows), CHANGED_TASKS):
            yield rows[first : first + CHANGED_TASKS]


def _age(row: Row) -> tuple[datetime, int]:
    return row["updated_at"], row["id"]
