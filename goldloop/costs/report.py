"""Cost reports: the statement of each round, and of all of them together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from goldloop.costs.answer_costs import answering
from goldloop.costs.inputs import CostInputs
from goldloop.costs.prices import prices
from goldloop.costs.quarters import Quarter
from goldloop.costs.statement import Statement, statement
from goldloop.settings import Settings


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

    @property
    def newest(self) -> Statement | None:
        """The statement of the newest closed round; None before one."""
        closed = self.by_round[:-1] if self.is_open else self.by_round
        return closed[-1] if closed else None


def cost_report(inputs: CostInputs, settings: Settings) -> CostReport:
    """Return the report of all rounds, the open one included."""
    return _report(inputs, settings, inputs.rounds, quarter=None)


def quarter_report(inputs: CostInputs, settings: Settings, quarter: Quarter, *, now: datetime) -> CostReport:
    """Return the report of the rounds that were closed in `quarter`; the open round closes at `now`."""
    return _report(inputs, settings, quarter.rounds(inputs.closed, now=now), quarter=quarter)


def _report(
    inputs: CostInputs, settings: Settings, rounds: Collection[int], *, quarter: Quarter | None
) -> CostReport:
    labels = settings.label_set
    paid, usual = prices(settings.cost, labels), answering(inputs, settings.cost, labels, rounds)
    return CostReport(
        quarter=quarter,
        whole=statement(inputs, paid, usual, rounds),
        by_round=tuple(statement(inputs, paid, usual, (number,)) for number in rounds),
        is_open=inputs.rounds[-1] in rounds,
        assumptions=usual.assumptions,
    )
