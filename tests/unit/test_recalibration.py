"""The recalibration of a model on a quarter's reports, audits and answers, and draws of possible truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit, logit

from goldloop.costs.population import UNKNOWN, Population, losses, wrong_contacts
from goldloop.costs.possible import N_DRAWS, possible_truths, sum_of
from goldloop.costs.recalibration import COMPLETE, Likelihood, recalibrate
from goldloop.stats.measures import Measure
from scripts.bench.guarantees.quarter import PRICES, Made, watched, with_estimated_rates

N = 4000


def _made(slope: float, shift: float, seed: int = 3) -> Made:
    """Return payments of a model whose log-odds are `slope` times the true ones, plus `shift`."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-4.5, 2.0, N)
    risk = expit(slope * true + shift)
    return Made(np.stack([1 - risk, risk], axis=1), rng.lognormal(3.5, 1.0, N), rng.random(N) < expit(true))


def _watched(made: Made, seed: int = 4) -> tuple[Population, np.ndarray]:
    return watched(made, np.random.default_rng(seed))


def _of_three_labels(population: Population, rng: np.random.Generator) -> Population:
    """Return the population with its frauds split into two kinds."""
    probs = population.probs @ np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.4]])
    is_other = (population.truth == 1) & (rng.random(len(population)) < 0.4)
    rates = ((0.85, 0.1, 0.05), (0.1, 0.8, 0.1), (0.05, 0.05, 0.9))
    return replace(
        population,
        probs=probs,
        truth=np.where(is_other, 2, population.truth),
        rates=dict.fromkeys(population.rates, rates),
        rate_counts={"review": np.array([40.0, 30.0, 20.0])},
    )


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_gradient_is_that_of_the_likelihood(n_labels: int) -> None:
    """Differences of the likelihood agree with its gradient, rates and completeness among the parameters."""
    rng = np.random.default_rng(5)
    population = with_estimated_rates(_watched(_made(1.0, 0.0))[0], rng)
    if n_labels == 3:
        population = _of_three_labels(population, rng)
    likelihood = Likelihood(population)
    at = likelihood.start + rng.normal(0, 0.2, len(likelihood.start))

    slow = approx_fprime(at, lambda here: likelihood.negative(here)[0], 1e-6)
    assert likelihood.negative(at)[1] == pytest.approx(slow, rel=1e-3, abs=1e-2)


def test_a_model_too_sure_and_too_low_gets_its_true_odds_back() -> None:
    """The slope is one over the model's, within three standard deviations of its posterior."""
    population, _ = _watched(_made(1.4, -1.0))

    found = recalibrate(population)
    sd = np.sqrt((found.root**2).sum(axis=1))
    assert abs(found.mode[1] - 1 / 1.4) < 3 * sd[1]
    assert abs(found.mode[1] - 1) > 3 * sd[1]
    probs, _ = found.likelihood.joint(found.mode)
    assert probs[1].mean() == pytest.approx(expit((logit(population.probs[:, 1]) + 1) / 1.4).mean(), rel=0.15)


def test_reports_without_a_known_delay_leave_the_share_of_reports_open() -> None:
    """Where too few reports tell of their delay, no fraud counts as one that cannot have been reported."""
    made = _made(1.0, 0.0)
    population, truth = _watched(made)
    blind = replace(population, reported_shares=np.zeros(N))

    found = recalibrate(blind)
    assert abs(found.mode[0]) < 0.5, "the model is right about its risk"
    lost = losses(PRICES.errors, blind.stakes)
    assert _holds(sum_of(lost, possible_truths(blind)), lost(blind.taken)[np.arange(N), truth].sum())


def test_audits_correct_the_share_of_frauds_that_are_ever_reported() -> None:
    """With half of the frauds reported and audits of half the payments, the share falls below nine of ten."""
    made = _made(1.0, 0.0)
    rng, (population, truth) = np.random.default_rng(6), _watched(made)
    is_audited = rng.random(N) < 0.5
    is_reported = made.is_fraud & (population.taken == 0) & (rng.random(N) < 0.5)
    population = replace(
        population,
        is_audited=is_audited,
        is_reported=is_reported,
        truth=np.where(is_audited | is_reported, truth, UNKNOWN),
        is_labelled=np.full(N, False),
        reported_shares=np.ones(N),
    )

    found = recalibrate(population)
    assert expit(found.mode[3]) < 0.75 < COMPLETE


def test_estimated_rates_make_the_intervals_wider() -> None:
    """Contacts rest on how often people are right: 10 judged answers leave more open than known rates."""
    population, _ = _watched(_made(1.0, 0.0))
    few = dict.fromkeys(population.rates, np.array([10.0, 10.0]))

    known = sum_of(wrong_contacts(2), possible_truths(population)).estimate
    estimated = sum_of(wrong_contacts(2), possible_truths(replace(population, rate_counts=few))).estimate
    assert known is not None
    assert estimated is not None
    assert estimated.high - estimated.low > 1.1 * (known.high - known.low)


def test_samples_of_a_cluster_make_the_intervals_wider() -> None:
    """Payments of 40 customers say less than as many of a customer each."""
    population, _ = _watched(_made(1.0, 0.0))
    shared = replace(population, clusters=np.array([f"{row % 40}" for row in range(N)]))

    widths = []
    for one in (population, shared):
        estimate = sum_of(losses(PRICES.errors, one.stakes), possible_truths(one)).estimate
        assert estimate is not None
        widths.append(estimate.high - estimate.low)
    assert widths[1] > 1.5 * widths[0]


def test_draws_keep_what_is_known_and_are_those_of_the_samples_asked_for() -> None:
    """No draw says anything of a known sample, and parts of the population add up to it."""
    population, _ = _watched(_made(1.0, 0.0))
    possible = possible_truths(population)
    early = population.weeks < 6

    assert not population.is_known[possible.rows].any()
    assert set(np.unique(possible.draws)) <= set(range(N_DRAWS))
    assert len(possible.where(early).rows) + len(possible.where(~early).rows) == len(possible.rows)
    assert not possible.where(early).population.is_known[possible.where(early).rows].any()


def _holds(measure: Measure, truth: float) -> bool:
    estimate = measure.estimate
    return estimate is not None and estimate.low <= truth <= estimate.high
