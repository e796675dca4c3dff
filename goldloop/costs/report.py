"""Cost reports: the statement of each round, and of all of them together; or of a calendar quarter, UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from goldloop.core.errors import SettingsError
from goldloop.costs.errors import prices
from goldloop.costs.inputs import CostInputs
from goldloop.costs.review_effort import answering
from goldloop.costs.statement import Statement, statement
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months of a year; `number` is 1 to 4."""

    year: int
    number: int

    def __str__(self) -> str:
        """Return for example 2026Q4."""
        return f"{self.year:04d}Q{self.number}"

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the quarter that holds `moment`, in UTC."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, (utc.month + 2) // 3)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the quarter called `name`.

        Raises:
            SettingsError: the name is not of the form 2026Q4.
        """
        parts = re.match(r"^(\d{4})[qQ]([1-4])$", name)
        if parts is None:
            raise SettingsError(f"A quarter is written like 2026Q4, got {name!r}. Correct --quarter.")
        return cls(int(parts[1]), int(parts[2]))


@dataclass(frozen=True, slots=True)
class CostReport:
    """The costs and savings of some rounds: in all, and round by round, oldest first.

    `quarter` is None for a report of all rounds. `is_open` tells whether its last round is still open.
    `assumptions` are sentences about what is not known yet.
    """

    quarter: Quarter | None
    whole: Statement
    by_round: tuple[Statement, ...]
    is_open: bool
    assumptions: tuple[str, ...]


def cost_report(
    inputs: CostInputs, settings: Settings, *, now: datetime, quarter: Quarter | None = None
) -> CostReport:
    """Return the report of all rounds, or of those closed in `quarter`; the open round closes at `now`."""
    moments = [*inputs.closed, now]
    rounds = [number for number, moment in enumerate(moments) if quarter in (None, Quarter.of(moment))]
    labels = settings.label_set
    paid, usual = prices(settings.cost, labels), answering(inputs, settings.cost, labels, rounds)
    return CostReport(
        quarter=quarter,
        whole=statement(inputs, paid, usual, rounds),
        by_round=tuple(statement(inputs, paid, usual, (number,)) for number in rounds),
        is_open=len(inputs.closed) in rounds,
        assumptions=usual.assumptions,
    )
