"""Cost reports: the account of each round, and of all of them together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from goldloop.costs.answer_costs import answering
from goldloop.costs.inputs import Books
from goldloop.costs.prices import prices
from goldloop.costs.quarters import Quarter
from goldloop.costs.statement import Account, account
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class CostReport:
    """What a stretch of rounds cost and brought: in all, and round by round, oldest first.

    `quarter` is None for a report of all rounds. `is_open` says whether its last round still runs.
    `assumptions` are sentences about what is not known yet.
    """

    quarter: Quarter | None
    whole: Account
    by_round: tuple[Account, ...]
    is_open: bool
    assumptions: tuple[str, ...]

    @property
    def newest(self) -> Account | None:
        """The account of the newest closed round; None before one."""
        closed = self.by_round[:-1] if self.is_open else self.by_round
        return closed[-1] if closed else None


def cost_report(books: Books, settings: Settings) -> CostReport:
    """Return the report of all rounds, the open one included."""
    return _report(books, settings, books.rounds, quarter=None)


def quarter_report(books: Books, settings: Settings, quarter: Quarter, *, now: datetime) -> CostReport:
    """Return the report of the rounds that were closed in `quarter`; the open one counts to that of `now`."""
    return _report(books, settings, quarter.rounds(books.closed, now=now), quarter=quarter)


def _report(
    books: Books, settings: Settings, rounds: Collection[int], *, quarter: Quarter | None
) -> CostReport:
    labels = settings.label_set
    paid, usual = prices(settings.cost, labels), answering(books, settings.cost, labels, rounds)
    return CostReport(
        quarter=quarter,
        whole=account(books, paid, usual, rounds),
        by_round=tuple(account(books, paid, usual, (one,)) for one in rounds),
        is_open=books.rounds[-1] in rounds,
        assumptions=usual.assumptions,
    )
