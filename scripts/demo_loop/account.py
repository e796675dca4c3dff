"""The account of the demo: three ways of working on the same samples, judged with their true labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldloop.core.lanes import Lane
from goldloop.costs.errors import prices
from goldloop.reports.formatting import number, percent
from goldloop.reports.section import Row
from goldloop.stats.comparison import paired_difference
from goldloop.stats.metrics import share_estimate
from goldloop.tables.predictions import read_predictions
from goldloop.wiring import Wiring
from scripts.demo_loop.comparison import Closing
from scripts.demo_loop.judge import Columns, Judge


@dataclass(frozen=True, slots=True)
class Way:
    """A way of working: what people spent, and the wrong labels of all samples, answers and model together.

    `cost` is that of the minutes and of the wrong labels, in currency. `accuracy` on the test is None
    without a model.
    """

    name: str
    n_answers: int
    minutes: float
    accuracy: float | None
    n_wrong: int
    cost: float


def ways(parts: Wiring, judge: Judge, closing: Closing, n_answers: int) -> list[Way]:
    """Return goldloop, random single labels at equal minutes, and one answer to each sample."""
    paid = prices(parts.settings.cost, parts.settings.label_set)

    def way(name: str, labels: Columns, n_answers: int, minutes: float, accuracy: float | None = None) -> Way:
        lost = paid.errors.paid(judge.truth, labels).sum()
        n_wrong = int((labels != judge.truth).sum())
        return Way(name, n_answers, minutes, accuracy, n_wrong, float(minutes * paid.minute + lost))

    minutes, champion, chance = closing.rows[-1].minutes, closing.last.champion, closing.last.random
    everything, n_everything, everything_minutes = judge.everything()
    return [
        way("goldloop", final_labels(parts, judge), n_answers, minutes, champion.accuracy.value),
        way(
            "random single labels, as many minutes",
            chance.labels,
            chance.n_answers,
            chance.minutes,
            chance.accuracy.value,
        ),
        way(
            f"one answer to each {judge.noun[:-1]}",
            np.where(everything < 0, 0, everything),
            n_everything,
            everything_minutes,
        ),
    ]


def final_labels(parts: Wiring, judge: Judge) -> Columns:
    """Return the present label of each sample of the pool: that of gold, else what the champion says."""
    labels = parts.settings.label_set
    columns = np.zeros(len(judge.truth), dtype=np.intp)
    gold = {record.sample_id: record.label for record in parts.gold.records()}
    newest = read_predictions(parts.tables, judge.sample_ids)
    for sample_id in judge.sample_ids:
        said = newest[sample_id].label if sample_id in newest else None
        columns[judge.row_of(sample_id)] = labels.column(gold.get(sample_id) or said or labels[0])
    return columns


def accepted_line(parts: Wiring, judge: Judge) -> str:
    """Return how many of the labels that only the model gave, and that were accepted, are wrong in truth."""
    newest, labels = read_predictions(parts.tables, judge.sample_ids), parts.settings.label_set
    in_gold = {record.sample_id for record in parts.gold.records()}
    is_wrong = [
        labels.column(one.label) != judge.truth[judge.row_of(sample_id)]
        for sample_id, one in newest.items()
        if one.lane is Lane.AUTO and one.label is not None and sample_id not in in_gold
    ]
    if not is_wrong:
        return f"the model alone labels no {judge.noun[:-1]} yet: audits have not opened the auto lane"
    share = share_estimate(is_wrong)
    return (
        f"wrong in truth among the {len(is_wrong)} labels accepted from the model alone: {sum(is_wrong)}, "
        f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
    )


def way_rows(found: list[Way], currency: str) -> list[Row]:
    """Return the rows of a table."""
    return [
        {
            "way": one.name,
            "answers": one.n_answers,
            "minutes": number(one.minutes, 1),
            "accuracy on test": "" if one.accuracy is None else percent(one.accuracy),
            "wrong labels": one.n_wrong,
            f"minutes and wrong labels, {currency}": number(one.cost, 2),
        }
        for one in found
    ]


def difference_lines(closing: Closing, noun: str) -> list[str]:
    """Return the champion's accuracy against models of random single labels, in words, with intervals."""
    row, models = closing.rows[-1], closing.last
    without_audit = row.minutes - row.audit_minutes
    spans = {
        f"in the same {row.minutes:.0f} minutes": models.random,
        f"in the {without_audit:.0f} minutes outside the audit": models.random_without_audit,
    }
    lines = []
    for span, other in spans.items():
        gap = paired_difference(models.champion.right, other.right)
        lines.append(
            f"champion minus a model of {other.n_answers} single answers to random {noun} {span}, on test: "
            f"{100 * gap.value:+.1f} points [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
        )
    return lines
