"""The quarter in money: what came, what was lost, whom it troubled, and what people prevented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from goldloop.core.annotations import Answer
from goldloop.core.error_costs import Columns
from goldloop.core.probs import likeliest
from goldloop.core.tasks import Purpose
from goldloop.costs.breaks import minutes_of, times
from goldloop.costs.errors import Prices
from goldloop.costs.population import PASSED, UNKNOWN, Population, errors, losses, wrong_contacts
from goldloop.costs.possible import Possible, possible_truths, sum_of
from goldloop.stats.measures import Measure, difference, exact, scaled, total
from goldloop.stats.metrics import Estimate, Flags

QUICK, FULL, AUDIT = "quick", "full", "audit"
"""The paths of reviews."""

PATHS: Mapping[str, tuple[Purpose, ...]] = {
    QUICK: (Purpose.REVIEW,),
    FULL: (Purpose.FULL, Purpose.RECHECK, Purpose.ADJUDICATION, Purpose.APPEAL),
    AUDIT: (Purpose.AUDIT,),
}
"""The purposes of the tasks of each path."""


def minutes_by_path(answers: Sequence[Answer]) -> dict[str, Measure]:
    """Return the minutes of work on `answers` by path, without breaks."""
    paths = [
        times([answer for answer in answers if answer.purpose in purposes]) for purposes in PATHS.values()
    ]
    return dict(zip(PATHS, minutes_of(paths), strict=True))


@dataclass(frozen=True, slots=True)
class Figures:
    """What decisions of one kind came to: `loss` in currency, `loss_bp` of the value in basis points.

    `contacts` are samples of the first label that were taken for another, per 1,000 samples; `prevented` is
    the loss if all had passed, minus the loss; `cost` adds losses, wrong contacts and minutes.
    """

    loss: Measure
    loss_bp: Measure
    contacts: Measure
    prevented: Measure
    cost: Measure


@dataclass(frozen=True, slots=True)
class Week:
    """A week, counted from the quarter's first: its samples, and their cost per 1,000 samples."""

    number: int
    n: int
    cost: Measure
    rule_cost: Measure


@dataclass(frozen=True, slots=True)
class QuarterFigures:
    """The quarter: what came, as it is and by the rule p >= .5, and what people did.

    `value` is the sum of stakes; `reported` the loss that outcomes told, `unreported` the estimate of what
    none tells yet. `minutes` are by path, `per_minute` the loss prevented per minute of quick and full
    reviews. `saved` is the cost by the rule minus the cost as it is. `by_path` are shares of samples.
    """

    n: int
    n_audits: int
    currency: str
    value: float
    now: Figures
    rule: Figures
    n_reported: int
    reported: float
    unreported: Measure
    minutes: Mapping[str, Measure]
    per_minute: Measure
    saved: Measure
    by_path: Mapping[str, float]
    mature_share: float | None
    reported_share: float | None
    weeks: tuple[Week, ...]


def figures(possible: Possible, prices: Prices, minutes: Measure, taken: Columns | None = None) -> Figures:
    """Return what decisions came to with these minutes of people: as it is, or with `taken` (N,)."""
    n, stakes = len(possible.population), possible.population.stakes
    lost, value = losses(prices.errors, stakes), float(stakes.sum())
    everything = lost(np.zeros(n, dtype=np.intp))
    loss = sum_of(lost, possible, taken)
    contacts = sum_of(wrong_contacts(possible.population.probs.shape[1]), possible, taken)
    return Figures(
        loss=loss,
        loss_bp=scaled(loss, 1e4 / value) if value > 0 else Measure(n, None, "no value"),
        contacts=scaled(contacts, 1000 / n) if n else Measure(0, None, "no samples"),
        prevented=sum_of(lambda one: everything - lost(one), possible, taken),
        cost=total([sum_of(errors(prices, stakes), possible, taken), scaled(minutes, prices.minute)]),
    )


def quarter_figures(
    population: Population, prices: Prices, minutes: Mapping[str, Measure], *, mature: Flags | None = None
) -> QuarterFigures:
    """Return the figures of a quarter; `minutes` by path, `mature` (N,) where the delay is known."""
    n, known, possible = len(population), population.is_reported, possible_truths(population)
    reviewing = total([minutes[QUICK], minutes[FULL]])
    rule = likeliest(population.probs)
    now = figures(possible, prices, reviewing)
    lost = losses(prices.errors, population.stakes)(population.taken)
    is_loss = known & (population.truth != PASSED) & (population.taken == PASSED)
    reported = float(lost[known, population.truth[known]].sum())
    return QuarterFigures(
        n=n,
        n_audits=int((population.is_audited & (population.truth != UNKNOWN)).sum()),
        currency=prices.currency,
        value=float(population.stakes.sum()),
        now=now,
        rule=figures(possible, prices, exact(0.0, 0), rule),
        n_reported=int(is_loss.sum()),
        reported=reported,
        unreported=difference(now.loss, exact(reported)),
        minutes=minutes,
        per_minute=per_minute(now.prevented, reviewing),
        saved=difference(saved(possible, prices), scaled(reviewing, prices.minute)),
        by_path=_by_path(population),
        mature_share=None if mature is None or not n else float(mature.mean()),
        reported_share=None if mature is None or not n else float(population.reported_shares.mean()),
        weeks=_weeks(possible, prices, reviewing),
    )


def saved(possible: Possible, prices: Prices) -> Measure:
    """Return what the errors of the rule p >= .5 cost more than those as it is, on the same samples."""
    population = possible.population
    paid = errors(prices, population.stakes)
    by_rule = paid(likeliest(population.probs))
    return sum_of(lambda taken: by_rule - paid(taken), possible)


def per_minute(prevented: Measure, minutes: Measure) -> Measure:
    """Return `prevented` per minute, from both intervals to first order; none without a minute."""
    spent, gained = minutes.estimate, prevented.estimate
    if spent is None or gained is None or spent.low <= 0:
        return Measure(minutes.n, None, "no minutes known") if gained is not None else prevented
    least, most = (gained.value - gained.low) / spent.value, (gained.high - gained.value) / spent.value
    rate = gained.value / spent.value
    down, up = rate * (1 - spent.value / spent.high), rate * (spent.value / spent.low - 1)
    return Measure(gained.n, Estimate(rate, rate - hypot(least, down), rate + hypot(most, up), gained.n))


def _by_path(population: Population) -> dict[str, float]:
    """Return the share of samples that passed, were stopped, and went to people, at the first decision."""
    n, is_auto = max(1, len(population)), population.lanes == "auto"
    counts = {
        "approved": is_auto & (population.taken == PASSED),
        "declined": is_auto & (population.taken != PASSED),
        "quick review": population.lanes == "review",
        "full review": population.lanes == "full",
        "held": population.lanes == "hold",
    }
    return {name: float(rows.sum()) / n for name, rows in counts.items()}


def _weeks(possible: Possible, prices: Prices, minutes: Measure) -> tuple[Week, ...]:
    """Return the weeks; people's minutes are spread over them by the samples sent to people."""
    population = possible.population
    to_people, rule = population.to_people, likeliest(population.probs)
    found = []
    for number in np.unique(population.weeks).tolist():
        rows = population.weeks == number
        mine, n = possible.where(rows), int(rows.sum())
        part = float(to_people[rows].sum()) / max(1, int(to_people.sum()))
        paid = errors(prices, mine.population.stakes)
        cost = total([sum_of(paid, mine), scaled(minutes, part * prices.minute)])
        by_rule = sum_of(paid, mine, rule[rows])
        found.append(Week(number, n, scaled(cost, 1000 / n), scaled(by_rule, 1000 / n)))
    return tuple(found)
