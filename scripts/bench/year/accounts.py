"""What each round of a simulated year came to, and whether what the cost report says of it is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.audit.estimates import report_audit
from goldloop.core.lanes import Lane
from goldloop.costs.answer_costs import answering
from goldloop.costs.inputs import NO_LABEL, CostInputs
from goldloop.costs.prices import prices
from goldloop.costs.statement import Statement, statement
from goldloop.drift.checks import Check
from goldloop.labeling.state import LoopState
from goldloop.scoring.score import batch_of
from goldloop.settings import CostSettings, Settings
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from goldloop.tables.batches import read_seen
from goldloop.tables.rounds import read_rounds
from scripts.bench.year.loop import YearLoop
from scripts.bench.year.people import SECONDS
from scripts.bench.year.world import source_of

QUARTER = 13  # rounds


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: `estimate` of the accuracy on its traffic beside the `truth`.

    `spent` and `lost` are what annotators' time and wrong labels really cost, in currency. `n_labels` counts
    the labels of the round: of accepted samples that nobody labelled, and of what became gold in it. Counted
    with the true labels: wrong ones among the accepted (`n_let_through`) and in gold (`n_gold_wrong`), how
    many more the machine would have had in gold (`n_improved`), the errors that annotators, asked by the
    policy, put right (`n_caught`), and as many as single blind answers to everything are expected to get
    wrong (`n_would_err`). `lanes` counts the traffic as first scored; `flagged` are annotators.
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
    n_labels: int
    n_let_through: int
    n_gold_wrong: int
    n_improved: int
    n_caught: int
    n_would_err: float


def rounds_of(loop: YearLoop, state: LoopState, inputs: CostInputs) -> tuple[Round, ...]:
    """Return the rounds from 1 on, by the tables and the true labels."""
    tables, world, cost = loop.ports.tables, loop.world, loop.settings.cost
    traffic, gold = inputs.traffic, inputs.labelled
    truth, ids = world.truth(traffic.sample_ids), np.array(traffic.sample_ids)
    gold_ids = np.array(sorted(record.sample_id for record in state.snapshot.gold.records))
    gold_truth = world.truth(gold_ids.tolist())
    is_right = traffic.probs.argmax(axis=1) == truth
    is_accepted = (traffic.lanes == str(Lane.AUTO)) & ~inputs.is_labelled
    is_gold_right, is_machine_wrong = gold.label == gold_truth, gold.machine != gold_truth
    is_improved = np.where(gold.machine == NO_LABEL, 0, is_gold_right.astype(int) + is_machine_wrong - 1)
    is_caught = is_machine_wrong & is_gold_right & gold.is_reviewed
    estimates = report_audit(inputs.audited, traffic, labels=world.labels).by_round
    checks = {seen.batch: seen.check for seen in read_seen(tables.batches)}
    rounds = []
    for record in read_rounds(tables.rounds)[1:]:
        number = record.round
        scored, labelled = traffic.rounds == number, gold.rounds == number
        accepted = scored & is_accepted
        n_let_through, n_gold_wrong = (
            int((accepted & ~is_right).sum()),
            int((labelled & ~is_gold_right).sum()),
        )
        delivered = [*ids[accepted].tolist(), *gold_ids[labelled].tolist()]
        spent_s = sum(answer.lead_time_s or 0 for answer in inputs.answers if answer.round == number)
        rounds.append(
            Round(
                number=number,
                estimate=estimates[number],
                truth=float(is_right[scored].mean()),
                check=checks[batch_of(source_of(number))],
                flagged=loop.flagged[number],
                lanes=dict(Counter(traffic.lanes[scored].tolist())),
                is_promoted=record.is_promoted,
                spent=spent_s / 60 * cost.minute,
                lost=(n_let_through + n_gold_wrong) * cost.error,
                n_labels=len(delivered),
                n_let_through=n_let_through,
                n_gold_wrong=n_gold_wrong,
                n_improved=int(is_improved[labelled].sum()),
                n_caught=int((labelled & is_caught).sum()),
                n_would_err=loop.crew.expected_errors(delivered, number),
            )
        )
    return tuple(rounds)


def held_amounts(inputs: CostInputs, rounds: Sequence[Round], settings: Settings) -> dict[str, list[bool]]:
    """Return by figure, for each round or quarter where it is known, whether its interval holds the truth."""
    cost, labels = settings.cost, settings.label_set
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
    spent = sum(record.spent for record in quarter)
    labelling = sum(record.n_labels for record in quarter) * SECONDS["blind"] / 60 * cost.minute
    labelling += sum(record.n_would_err for record in quarter) * cost.error
    improved = sum(record.n_improved for record in quarter) * cost.error
    return [
        ("errors let through", stated.let_through, sum(record.n_let_through for record in quarter)),
        ("errors caught", stated.caught, sum(record.n_caught for record in quarter)),
        (
            "saved against labelling",
            stated.saved_against_labelling,
            labelling - spent - sum(record.lost for record in quarter),
        ),
        ("saved against accepting", stated.saved_against_accepting, improved - spent),
    ]


def _note(held: dict[str, list[bool]], name: str, measure: Measure, truth: float) -> None:
    if measure.estimate is not None:
        held.setdefault(name, []).append(bool(measure.estimate.low <= truth <= measure.estimate.high))
