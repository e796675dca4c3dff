"""The quarter's figures: how often their intervals hold the truth, over simulated quarters.

Each quarter has 16,000 payments of three months and audits of 10 % of them. Frauds are 1.2 %, amounts are
lognormal; the model is right about its risk, or too sure and too low. Analysts of known rates, or of rates
that 50 judged answers to each label estimate, answer what the policy sends them; one in ten answers carries
no time. Chargebacks come with a median delay of 25 days, and nine of ten frauds that passed get one. The
quarter is looked at two weeks after its end. "payments" are drawn from the simulated payments in the folder
of data, with a model of their first 70 days.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit

from goldloop.core.annotations import Answer
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.errors import Prices
from goldloop.costs.population import UNKNOWN, Population, losses, wrong_contacts
from goldloop.costs.possible import possible_truths
from goldloop.costs.quarter import figures, minutes_by_path, saved
from goldloop.routing.cost_policy import Cost
from goldloop.routing.fit import PRIOR_ANSWERS
from goldloop.stats.calibration import fit_calibration
from goldloop.stats.delays import estimate_delays
from goldloop.stats.measures import Measure, total
from scripts.bench.common import Report, repeated
from scripts.bench.guarantees.decisions import ASSUMED, AUDITABLE, LABELS, LEARNT, OWN, logits_of_simulated
from scripts.bench.payments import Columns, Flags, Floats, simulated

N_PAYMENTS, AUDIT_RATE, DAYS, LATER = 16_000, 0.10, 91.0, 14.0
LONG_BREAK_S, SHORT_BREAK_S = 7200.0, 1800.0
N_JUDGED, ASSUMED_RATES = 50, np.array([[0.9, 0.1], [0.1, 0.9]])
NO_TIME, REPORTED, MEDIAN_DELAY = 0.1, 0.9, 25.0
PRICES = Prices("EUR", 0.5, OWN)
POLICY = Cost(OWN.base, ASSUMED.quick, ASSUMED.full, LABELS.names, OWN.factors)
PURPOSES = {str(Lane.REVIEW): (Purpose.REVIEW, 30.0), str(Lane.FULL): (Purpose.FULL, 300.0)}
START = datetime(2026, 10, 1, tzinfo=UTC)
FIGURES = ("loss", "contacts", "minutes", "minutes with short breaks", "saved", "prevented")


@dataclass(frozen=True, slots=True)
class Made:
    """Payments of a quarter: the model's probs (n, 2), amounts in EUR, and which are frauds, (n,)."""

    probs: Probs
    amounts: Floats
    is_fraud: Flags


def run(report: Report, options: argparse.Namespace) -> None:
    """Report how often each figure's interval holds the truth, how wide it is, and its bias."""
    ways: dict[str, Callable[[int], dict[str, Found]]] = {
        "calibrated model": partial(measured, "made", 1.0, 0.0, ""),
        "model too sure and too low": partial(measured, "made", 1.3, -0.5, ""),
        "payments": partial(measured, "payments", 1.0, 0.0, str(options.data)),
        "calibrated model, rates estimated": partial(measured, "made", 1.0, 0.0, "", are_estimated=True),
    }
    seeds = range(options.seed, options.seed + options.n)
    for name, measure in ways.items():
        found = repeated(measure, seeds, jobs=options.jobs)
        for figure in FIGURES:
            ours = [one[figure] for one in found if figure in one]
            mean = float(np.mean([one.truth for one in ours]))
            report.share(f"quarter/{name}/{figure}/holds the truth", [one.is_held for one in ours])
            report.mean(
                f"quarter/{name}/{figure}/bias", [(one.value - one.truth) / mean for one in ours], "share"
            )
            report.mean(f"quarter/{name}/{figure}/width", [one.width / mean for one in ours], "share")


@dataclass(frozen=True, slots=True)
class Found:
    """A figure and its interval beside the truth."""

    value: float
    low: float
    high: float
    truth: float

    @property
    def is_held(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low - 1e-9 <= self.truth <= self.high + 1e-9

    @property
    def width(self) -> float:
        """Width of the interval."""
        return self.high - self.low


def measured(
    source: str, slope: float, shift: float, folder: str, seed: int, *, are_estimated: bool = False
) -> dict[str, Found]:
    """Return the figures of a simulated quarter beside their truth."""
    rng = np.random.default_rng((seed, 12))
    made = _of_payments(Path(folder), rng) if source == "payments" else _made(rng, slope, shift)
    population, truth = watched(made, rng)
    if are_estimated:
        population = with_estimated_rates(population, rng)
    minutes, spent = _minutes(population, rng, LONG_BREAK_S)
    shortly, of_shortly = _minutes(population, rng, SHORT_BREAK_S)
    possible = possible_truths(population)
    now = figures(possible, PRICES, minutes)
    paid = PRICES.errors.of_taken
    rows, stakes = np.arange(len(truth)), population.stakes
    lost = losses(PRICES.errors, stakes)(population.taken)[rows, truth]
    contacts = wrong_contacts(2)(population.taken)[rows, truth]
    rule = population.probs.argmax(axis=1)
    more = (paid(rule, stakes) - paid(population.taken, stakes))[rows, truth]
    everything = (truth == 1) * stakes
    pairs: dict[str, tuple[Measure, float]] = {
        "loss": (now.loss, lost.sum()),
        "contacts": (now.contacts, 1000 * contacts.mean()),
        "minutes": (minutes, spent),
        "minutes with short breaks": (shortly, of_shortly),
        "saved": (saved(possible, PRICES), more.sum()),
        "prevented": (now.prevented, everything.sum() - lost.sum()),
    }
    return {
        name: Found(one.estimate.value, one.estimate.low, one.estimate.high, float(true))
        for name, (one, true) in pairs.items()
        if one.estimate is not None
    }


def _made(rng: np.random.Generator, slope: float, shift: float) -> Made:
    """Return payments of a model whose logits are `slope` times the true ones, plus `shift`."""
    true = rng.normal(-7.0, 2.3, N_PAYMENTS)
    is_fraud = rng.random(N_PAYMENTS) < expit(true)
    fraud = expit(slope * true + shift)
    amounts = rng.lognormal(3.6, 1.1, N_PAYMENTS) * np.where(is_fraud, 1.6, 1.0)
    return Made(np.stack([1 - fraud, fraud], axis=1), amounts, is_fraud)


def _of_payments(folder: Path, rng: np.random.Generator) -> Made:
    """Return payments drawn from the simulated ones after LEARNT, calibrated on audits before AUDITABLE."""
    payments, day = simulated(folder), simulated(folder).day
    of_auditable, of_test = logits_of_simulated(folder)
    audits = np.flatnonzero((day >= LEARNT) & (day < AUDITABLE))
    drawn = rng.choice(len(audits), 1000, replace=False)
    learnt = payments.truth[day < LEARNT]
    calibration = fit_calibration(of_auditable[drawn], payments.truth[audits[drawn]], learnt=learnt)
    test = np.flatnonzero(day >= AUDITABLE)
    rows = rng.choice(len(test), N_PAYMENTS)
    return Made(calibration.apply(of_test)[rows], payments.amount[test[rows]], payments.is_fraud[test[rows]])


def watched(made: Made, rng: np.random.Generator) -> tuple[Population, Columns]:
    """Return what a workspace knows of the payments two weeks after the quarter, and the true columns."""
    n, truth = len(made.probs), made.is_fraud.astype(np.intp)
    lanes, decided = POLICY.lanes(made.probs, made.amounts), POLICY.decided(made.probs, made.amounts)
    is_audited = rng.random(n) < AUDIT_RATE
    to_people = lanes != str(Lane.AUTO)
    quick = (lanes == str(Lane.REVIEW))[:, None, None]
    rates = np.where(quick, np.asarray(POLICY.quick.answers), np.asarray(POLICY.full.answers))
    answers = (rng.random(n) < rates[np.arange(n), truth, 1]).astype(np.intp)
    answers = np.where(is_audited, truth, answers)  # several blind answers, and an adjudicator
    taken = np.where(to_people, answers, decided)
    at, delays = rng.uniform(0, DAYS, n), rng.lognormal(np.log(MEDIAN_DELAY), 0.7, n)
    ages = DAYS + LATER - at
    is_reported = made.is_fraud & (taken == 0) & (rng.random(n) < REPORTED) & (delays < ages)
    known = estimate_delays(delays[is_reported], ages[is_reported])
    population = Population(
        stakes=made.amounts,
        probs=made.probs,
        lanes=lanes,
        taken=taken,
        truth=np.where(is_reported | is_audited, truth, UNKNOWN),
        is_labelled=to_people,
        is_reported=is_reported,
        is_audited=is_audited,
        clusters=np.array([f"{row}" for row in range(n)]),
        weeks=(at // 7).astype(np.intp),
        reported_shares=known.share_by(ages) if known else np.zeros(n),
        rates={str(Lane.REVIEW): POLICY.quick.answers, str(Lane.FULL): POLICY.full.answers},
    )
    return population, truth


def with_estimated_rates(population: Population, rng: np.random.Generator) -> Population:
    """Return what a workspace knows that has seen `N_JUDGED` judged answers to each true label by path."""
    rates, counts = {}, {}
    for lane, true in population.rates.items():
        answers = np.array([rng.multinomial(N_JUDGED, row) for row in true])
        smoothed = answers + PRIOR_ANSWERS * ASSUMED_RATES
        rates[lane] = tuple(map(tuple, (smoothed / smoothed.sum(axis=1, keepdims=True)).tolist()))
        counts[lane] = smoothed.sum(axis=1)
    return replace(population, rates=rates, rate_counts=counts)


def _minutes(population: Population, rng: np.random.Generator, break_s: float) -> tuple[Measure, float]:
    """Return the minutes of answers, 2 % of them with a break: as they are estimated, and as they were."""
    answers, true = [], 0.0
    sent = np.flatnonzero(population.is_labelled & ~population.is_audited)
    for place, row in enumerate(sent.tolist()):
        purpose, usual = PURPOSES[str(population.lanes[row])]
        took = usual * float(rng.lognormal(-0.125, 0.5))
        idle = break_s if rng.random() < 0.02 else 0.0
        at = START + timedelta(hours=place)
        true += took / 60
        answers.append(
            Answer(
                annotation_id=place,
                sample_id=SampleId(f"{row}"),
                purpose=purpose,
                annotator=str(1 + place % 6),
                label="fraud",
                reason=None,
                round=0,
                created_at=at,
                updated_at=at,
                lead_time_s=None if rng.random() < NO_TIME else took + idle,
                suggested_label=None,
                is_shown=False,
            )
        )
    return total(list(minutes_by_path(answers).values())), true
