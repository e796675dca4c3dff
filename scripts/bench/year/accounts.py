"""What each round of a simulated year came to, and whether what the cost report says of it is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import audited_traffic
from goldloop.audit.estimates import report_audit
from goldloop.core.lanes import Lane
from goldloop.costs.errors import prices
from goldloop.costs.inputs import NO_LABEL, CostInputs
from goldloop.costs.review_effort import Answering, answering
from goldloop.costs.statement import Statement, statement
from goldloop.drift.checks import Check
from goldloop.labeling.context import LoopState
from goldloop.scoring.score import batch_of
from goldloop.settings import Settings
from goldloop.settings.costs import CostSettings
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from goldloop.tables.batches import read_seen
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import read_traffic
from scripts.bench.year.loop import YearLoop
from scripts.bench.year.people import SECONDS
from scripts.bench.year.world import source_of

QUARTER = 13  # rounds
EVERY_ROUND = "errors let through"  # the figure that is checked by round too


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: `estimate` of the accuracy on its traffic beside the `truth`.

    `spent` and `lost` are what annotators' time and wrong labels really cost, in currency. `n_labels` counts
    the labels of the round: of accepted samples that nobody labelled, and of what became gold in it. Counted
    with the true labels: wrong ones among the accepted (`n_let_through`), how many fewer are wrong in gold
    than by the model (`n_improved`), the errors that annotators, asked by the policy, put right (`n_caught`),
    and as many as single blind answers to everything are expected to get wrong (`n_would_err`). `lanes`
    counts the traffic as first scored; `flagged` are annotators.
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
    n_improved: int
    n_caught: int
    n_would_err: float


def rounds_of(loop: YearLoop, state: LoopState, inputs: CostInputs) -> tuple[Round, ...]:
    """Return the rounds from 1 on, by the tables and the true labels."""
    tables, cost = loop.ports.tables, loop.ports.settings.cost
    present, gold, ids = inputs.traffic, inputs.labelled, np.array(inputs.traffic.sample_ids)
    first, labels = read_traffic(tables, loop.world.labels), loop.world.labels  # rows as those of `present`
    gold_ids = np.array(sorted(record.sample_id for record in state.snapshot.gold.records))
    true = loop.world.truth(present.sample_ids)
    is_wrong, is_first_wrong = (one.probs.argmax(axis=1) != true for one in (present, first))
    is_unseen = (present.lanes == str(Lane.AUTO)) & ~inputs.is_labelled
    truth = loop.world.truth(gold_ids.tolist())
    is_gold_wrong, is_model_wrong = gold.label != truth, (gold.machine != truth) & (gold.machine != NO_LABEL)
    is_compared, is_caught = gold.machine != NO_LABEL, is_model_wrong & ~is_gold_wrong & gold.is_reviewed
    audited = audited_traffic(first, state.snapshot.gold.records, labels)
    estimates = report_audit(audited, first, labels=labels).by_round
    checks = {seen.batch: seen.check for seen in read_seen(tables.batches)}
    rounds = []
    for record in read_rounds(tables.rounds)[1:]:
        number = record.round
        scored, labelled = first.rounds == number, gold.rounds == number
        n_let_through = int((scored & is_unseen & is_wrong).sum())
        n_gold_wrong = int((labelled & is_gold_wrong).sum())
        delivered = [*ids[scored & is_unseen].tolist(), *gold_ids[labelled].tolist()]
        spent_s = sum(answer.lead_time_s or 0 for answer in inputs.answers if answer.round == number)
        came_to = Round(
            number=number,
            estimate=estimates[number],
            truth=1 - float(is_first_wrong[scored].mean()),
            check=checks[batch_of(source_of(number))],
            flagged=loop.flagged[number],
            lanes=dict(Counter(first.lanes[scored].tolist())),
            is_promoted=record.is_promoted,
            spent=spent_s / 60 * cost.minute,
            lost=(n_let_through + n_gold_wrong) * cost.error,
            n_labels=len(delivered),
            n_let_through=n_let_through,
            n_improved=int(is_model_wrong[labelled].sum() - is_gold_wrong[labelled & is_compared].sum()),
            n_caught=int((labelled & is_caught).sum()),
            n_would_err=loop.crew.expected_errors(delivered, number),
        )
        rounds.append(came_to)
    return tuple(rounds)


def held_amounts(inputs: CostInputs, rounds: Sequence[Round], settings: Settings) -> dict[str, list[bool]]:
    """Return by figure, for each round or quarter where it is known, whether its interval holds the truth."""
    cost, labels = settings.cost, settings.label_set
    held: dict[str, list[bool]] = {}

    def note(spans: str, parts: Sequence[Round], usual: Answering) -> None:
        stated = statement(inputs, prices(cost, labels), usual, {record.number for record in parts})
        for name, measure, truth in _beside_truth(stated, parts, cost):
            if measure.estimate is not None and (spans == "quarter" or name == EVERY_ROUND):
                is_inside = measure.estimate.low <= truth <= measure.estimate.high
                held.setdefault(f"{name} in a {spans}", []).append(bool(is_inside))

    usual = answering(inputs, cost, labels, {record.number for record in rounds})
    for record in rounds:
        note("round", [record], usual)
    for first in range(0, len(rounds), QUARTER):
        quarter = rounds[first : first + QUARTER]
        note("quarter", quarter, answering(inputs, cost, labels, {record.number for record in quarter}))
    return held


def _beside_truth(
    stated: Statement, rounds: Sequence[Round], cost: CostSettings
) -> list[tuple[str, Measure, float]]:
    """Return by figure what the report states and what is true."""
    spent = sum(record.spent for record in rounds)
    labelling = sum(record.n_labels for record in rounds) * SECONDS["blind"] / 60 * cost.minute
    labelling += sum(record.n_would_err * cost.error - record.lost for record in rounds)
    improved = sum(record.n_improved for record in rounds) * cost.error
    return [
        (EVERY_ROUND, stated.let_through, sum(record.n_let_through for record in rounds)),
        ("errors caught", stated.caught, sum(record.n_caught for record in rounds)),
        ("saved against labelling", stated.saved_against_labelling, labelling - spent),
        ("saved against accepting", stated.saved_against_accepting, improved - spent),
    ]
