"""The figures of a quarter: exact where all is known, corrected by audits, and within their intervals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.special import expit, logit

from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.population import UNKNOWN, Population, losses
from goldloop.costs.possible import Possible, possible_truths, sum_of
from goldloop.costs.quarter import figures, minutes_by_path, per_minute, quarter_figures, saved
from goldloop.stats.measures import Measure, exact
from goldloop.stats.metrics import Estimate
from scripts.bench.guarantees.quarter import PRICES, Made, measured, watched

N = 4000
NOTHING = exact(0.0, 0)


@pytest.fixture(scope="module")
def made() -> Made:
    """Return payments whose model is right about its risk."""
    rng = np.random.default_rng(3)
    risk = expit(rng.normal(-5.0, 2.0, N))
    return Made(np.stack([1 - risk, risk], axis=1), rng.lognormal(3.5, 1.0, N), rng.random(N) < risk)


@pytest.fixture(scope="module")
def population(made: Made) -> Population:
    """Return what is known of them two weeks after the quarter."""
    return watched(made, np.random.default_rng(4))[0]


@pytest.fixture(scope="module")
def possible(population: Population) -> Possible:
    """Return draws of their truth."""
    return possible_truths(population)


def test_what_is_reported_counts_exactly_and_needs_no_audit(population: Population, made: Made) -> None:
    """With an outcome of every sample, loss, contacts and what is prevented are sums."""
    truth = made.is_fraud.astype(np.intp)
    n = len(population)
    known = replace(population, truth=truth, is_reported=np.full(n, True), is_audited=np.full(n, False))
    found = figures(possible_truths(known), PRICES, NOTHING)

    passed = known.taken == 0
    lost = float(made.amounts[made.is_fraud & passed].sum())
    for measure, value in (
        (found.loss, lost),
        (found.loss_bp, 1e4 * lost / made.amounts.sum()),
        (found.contacts, 1000 * (~made.is_fraud & ~passed).mean()),
        (found.prevented, made.amounts[made.is_fraud & ~passed].sum()),
    ):
        assert measure.estimate is not None
        assert (measure.estimate.low, measure.estimate.value) == pytest.approx((value, value))


def test_the_loss_is_what_is_reported_and_what_audits_say_of_the_rest(population: Population) -> None:
    """The reported loss is a sum, the loss is never below it, and both parts add up."""
    found = quarter_figures(population, PRICES, {"quick": NOTHING, "full": NOTHING, "audit": NOTHING})

    loss, unreported = found.now.loss.estimate, found.unreported.estimate
    assert loss is not None
    assert unreported is not None
    assert found.reported == population.stakes[population.is_reported].sum()
    assert loss.value == pytest.approx(found.reported + unreported.value)
    assert loss.low >= found.reported
    assert sum(found.by_path.values()) == pytest.approx(1)


def test_a_quarter_with_few_audits_says_that_they_are_too_few(population: Population) -> None:
    """Below ten audits there is no estimate, though the model expects one."""
    nobody = replace(
        population,
        is_audited=np.full(len(population), False),
        truth=np.where(population.is_reported, population.truth, UNKNOWN),
    )
    found = figures(possible_truths(nobody), PRICES, NOTHING)

    assert str(found.loss) == "too few audits, n=0"
    assert found.cost.estimate is None


def test_audits_correct_a_model_that_is_wrong_about_its_risk(made: Made) -> None:
    """A model that sees a third of the odds expects too little loss if all pass; audits alone correct it."""
    low = expit(logit(made.probs[:, 1]) - np.log(3.0))
    wrong = Made(np.stack([1 - low, low], axis=1), made.amounts, made.is_fraud)
    values, expected, truths = [], [], []
    for seed in range(8):
        population, truth = watched(wrong, np.random.default_rng(seed))
        known = np.where(population.is_audited, truth, UNKNOWN)
        population = replace(
            population,
            truth=known,
            is_reported=np.full(N, False),
            reported_shares=np.zeros(N),
            is_labelled=np.full(N, False),
        )
        lost = losses(PRICES.errors, population.stakes)
        passed = np.zeros(N, dtype=np.intp)
        estimate = sum_of(lost, possible_truths(population), passed).estimate
        assert estimate is not None
        amounts = lost(passed)
        values.append(estimate.value)
        expected.append((population.probs * amounts).sum())
        truths.append(amounts[np.arange(N), truth].sum())
    assert np.mean(expected) < 0.7 * np.mean(truths)
    assert np.mean(values) == pytest.approx(np.mean(truths), rel=0.15)


def test_intervals_of_simulated_quarters_hold_the_truth() -> None:
    """Of 20 quarters at most four intervals of loss, contacts or savings miss; the bench has 200."""
    found = [measured("made", 1.0, 0.0, "", seed) for seed in range(20)]

    for figure in ("loss", "contacts", "saved", "prevented"):
        assert sum(one[figure].is_held for one in found) >= 16, figure


def test_savings_compare_the_rule_on_the_same_samples(population: Population) -> None:
    """Where the decisions are those of the rule, nothing is saved, and the interval has no width."""
    rule = population.probs.argmax(axis=1)
    same = replace(population, lanes=np.full(len(population), "auto"), taken=rule, is_labelled=rule < 0)
    measure = saved(possible_truths(same), PRICES)
    assert measure.estimate == Estimate(0.0, 0.0, 0.0, measure.n)


def test_minutes_are_counted_by_path() -> None:
    """A full review takes ten times a quick one and is no break; one of three hours is."""
    start = datetime(2026, 10, 1, tzinfo=UTC)
    times = [(Purpose.REVIEW, 30.0)] * 40 + [(Purpose.FULL, 300.0)] * 15 + [(Purpose.FULL, 10_800.0)]
    answers = [
        Answer(
            annotation_id=place,
            sample_id=SampleId(f"{place}"),
            purpose=purpose,
            annotator="1",
            label="fraud",
            reason=None,
            round=0,
            created_at=start + timedelta(hours=4 * place),
            updated_at=start + timedelta(hours=4 * place),
            lead_time_s=seconds,
            suggested_label=None,
            is_shown=False,
        )
        for place, (purpose, seconds) in enumerate(times)
    ]
    found = {path: one.estimate.value for path, one in minutes_by_path(answers).items() if one.estimate}

    assert found == pytest.approx({"quick": 20.0, "full": 80.0, "audit": 0.0})


def test_what_a_minute_prevents_needs_minutes() -> None:
    """The interval of a ratio joins both, and without a minute there is none."""
    prevented = Measure(100, Estimate(1000.0, 800.0, 1300.0, 100))

    found = per_minute(prevented, exact(50.0, 100)).estimate
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((20.0, 16.0, 26.0))
    assert str(per_minute(prevented, NOTHING)) == "no minutes known, n=0"
