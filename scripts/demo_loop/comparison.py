"""The closing table: each round's champion beside models of single random labels at equal minutes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from goldloop.core.tasks import Purpose
from goldloop.costs.inputs import CostInputs
from goldloop.costs.time import minutes_spent
from goldloop.stats.metrics import Estimate
from goldloop.tables.rounds import read_rounds
from goldloop.training.promotion import winner
from goldloop.wiring import Wiring
from scripts.demo_loop.chance import ChanceModels, Spent
from scripts.demo_loop.judge import Judge, Judged


@dataclass(frozen=True, slots=True)
class Row:
    """One round of the closing table. Accuracies are on the test samples that never entered the loop.

    `minutes` are all that people spent so far, `audit_minutes` those of them that went into the audit.
    `random` is a model of single answers to random samples in as many minutes, `random_without_audit` one
    in the minutes outside the audit.
    """

    round: int
    n_gold: int
    n_labels: int
    lanes: dict[str, int]
    outcome: str
    minutes: float
    audit_minutes: float
    holdout: Estimate
    baseline: Estimate
    champion: Estimate
    random: Estimate
    random_without_audit: Estimate


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one round: the champion, and those of random labels in as many minutes."""

    champion: Judged
    random: Judged
    random_without_audit: Judged


@dataclass(frozen=True, slots=True)
class Closing:
    """The rows, and the models of each of them."""

    rows: list[Row]
    models: list[Models]

    @property
    def last(self) -> Models:
        """The models of the last round."""
        return self.models[-1]


def closing(parts: Wiring, judge: Judge, chance: ChanceModels, inputs: CostInputs) -> Closing | None:
    """Return one row for each closed round with a champion, and the last models; None without a champion."""

    @cache
    def judged(version: str) -> Judged:
        return judge.judge(parts.registry.load(version).folder)

    closed = [
        (record, champion, spent_until(inputs, record.round))
        for record in read_rounds(parts.tables.rounds)
        if (champion := winner(record.evaluations, record.decision))
    ]
    for record, _, spent in closed:
        chance.start(record.round, spent)
    rows, models = list[Row](), list[Models]()
    for record, champion, spent in closed:
        baseline = record.evaluations.get("baseline") or record.evaluations["challenger"]
        made = Models(judged(champion.model_version), *chance.of(record.round))
        models.append(made)
        rows.append(
            Row(
                round=record.round,
                n_gold=record.n_gold,
                n_labels=record.n_annotations,
                lanes=dict(record.lanes),
                outcome=record.outcome,
                minutes=spent.minutes,
                audit_minutes=spent.of_audit,
                holdout=champion.accuracy,
                baseline=judged(baseline.model_version).accuracy,
                champion=made.champion.accuracy,
                random=made.random.accuracy,
                random_without_audit=made.random_without_audit.accuracy,
            )
        )
    return Closing(rows, models) if rows else None


def spent_until(inputs: CostInputs, round_: int) -> Spent:
    """Return what people had spent by the end of a round."""
    so_far = np.array([answer.round <= round_ for answer in inputs.answers], dtype=bool)
    of_audit = np.array([answer.purpose is Purpose.AUDIT for answer in inputs.answers], dtype=bool)
    spent = [minutes_spent(inputs.answers, inputs.seconds, rows) for rows in (so_far, so_far & of_audit)]
    return Spent(*(one.estimate.value if one.estimate else 0.0 for one in spent))
