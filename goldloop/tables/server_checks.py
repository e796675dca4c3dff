"""Server checks: the full comparisons of the labelling server with the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from goldloop.core.table_ports import Table
from goldloop.tables import codec

CHECK_AFTER = timedelta(days=1)  # a full comparison costs 1 ms a task


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """A full comparison: tasks and answers on the server beyond those that goldloop knows.

    `n_lost` answers or tasks had vanished from the server and waited for a decision of the user, or for the
    next pull to look for the tasks under other ids.
    """

    at: datetime
    n_extra_tasks: int = 0
    n_extra_answers: int = 0
    n_lost: int = 0

    def is_due(self, now: datetime) -> bool:
        """Whether the next comparison is due: something is lost, or a day has passed on the clock."""
        return self.n_lost > 0 or not timedelta() <= now - self.at < CHECK_AFTER


def read_check(table: Table) -> ServerCheck | None:
    """Return the newest comparison; None before the first."""
    newest = table.read().sort_by([("seq", "descending")]).slice(0, 1)  # not by time: clocks are set back
    return next(iter(codec.values_of(ServerCheck, newest)), None)


def save_check(table: Table, check: ServerCheck) -> None:
    """Add a comparison."""
    codec.append_values(table, lambda: [check])
