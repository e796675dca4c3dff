"""What a round really came to, and whether what the cost report says of a year is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldloop.core.labels import LabelSet
from goldloop.costs.answer_costs import answering
from goldloop.costs.inputs import CostInputs
from goldloop.costs.prices import prices
from goldloop.costs.statement import Statement, statement
from goldloop.drift.checks import Check
from goldloop.settings import CostSettings
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from scripts.bench.year.people import SECONDS

QUARTER = 13  # rounds


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: `estimate` of the accuracy on its traffic beside the `truth`.

    `spent` and `lost` are what people's time and wrong labels really cost, in currency. Counted with the true
    labels: wrong ones that were let through, the machine's, those that people, sent by the policy, put right,
    and as many as single blind answers to everything are expected to get wrong. `flagged` are annotators.
    """

    number: int
    estimate: Estimate | None
    truth: float
    check: Check
    flagged: tuple[str, ...]
    lanes: dict[str, int]
    is_promoted: bool
    spent: float
    lost: float
    n_let_through: int
    n_machine_wrong: int
    n_caught: int
    n_would_err: float


def held_amounts(
    inputs: CostInputs, rounds: Sequence[Round], cost: CostSettings, labels: LabelSet
) -> dict[str, list[bool]]:
    """Return by figure, for each round or quarter where it is known, whether its interval holds the truth."""
    paid, everything = prices(cost, labels), {record.number for record in rounds}
    usual = answering(inputs, cost, labels, everything)
    held: dict[str, list[bool]] = {}
    for record in rounds:
        stated = statement(inputs, paid, usual, {record.number})
        _note(held, "errors let through in a round", stated.let_through, record.n_let_through)
    for first in range(0, len(rounds), QUARTER):
        quarter = rounds[first : first + QUARTER]
        numbers = {record.number for record in quarter}
        stated = statement(inputs, paid, answering(inputs, cost, labels, numbers), numbers)
        for name, measure, truth in _beside_truth(stated, quarter, cost):
            _note(held, f"{name} in a quarter", measure, truth)
    return held


def _beside_truth(
    stated: Statement, quarter: Sequence[Round], cost: CostSettings
) -> list[tuple[str, Measure, float]]:
    """Return by figure what the report states and what is true."""
    total = sum(record.spent + record.lost for record in quarter)
    n = sum(sum(record.lanes.values()) for record in quarter)
    wrong_answers = sum(record.n_would_err for record in quarter)
    labelling = n * SECONDS["blind"] / 60 * cost.minute + wrong_answers * cost.error
    accepting = sum(record.n_machine_wrong for record in quarter) * cost.error
    return [
        ("errors let through", stated.let_through, sum(record.n_let_through for record in quarter)),
        ("errors caught", stated.caught, sum(record.n_caught for record in quarter)),
        ("saved against labelling", stated.saved_against_labelling, labelling - total),
        ("saved against accepting", stated.saved_against_accepting, accepting - total),
    ]


def _note(held: dict[str, list[bool]], name: str, measure: Measure, truth: float) -> None:
    if measure.estimate is not None:
        held.setdefault(name, []).append(bool(measure.estimate.low <= truth <= measure.estimate.high))
