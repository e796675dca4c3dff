"""Delays of reports: recovered although the late ones are not known yet, and what young records weigh."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.stats.delays import FEWEST_REPORTS, Delays, estimate_delays, median_delay

Floats = npt.NDArray[np.float64]
DAYS = 120.0
AGES = np.array([5.0, 10, 20, 30, 45, 60, 80])


def simulated(seed: int, n: int = 900) -> tuple[Floats, Floats, Floats]:
    """Return delays and times watched of what is known so far, and all delays, of n frauds."""
    rng = np.random.default_rng(seed)
    delays = 24 * rng.weibull(1.6, n) / np.log(2) ** (1 / 1.6)
    watched = rng.uniform(0, DAYS, n)
    is_known = delays <= watched
    return delays[is_known], watched[is_known], delays


def found(seed: int) -> Delays:
    """Return the estimate from what is known in one simulation."""
    delays, watched, _ = simulated(seed)
    estimate = estimate_delays(delays, watched)
    assert estimate is not None
    return estimate


def test_delays_are_recovered_where_the_shares_of_known_ones_are_too_large() -> None:
    """Over 40 simulations the estimate is right on average; shares of known delays are up to 7 points off."""
    errors, naive = [], []
    for seed in range(40):
        known, _, everything = simulated(seed)
        estimate = found(seed)
        truth = np.array([(everything <= age).mean() for age in AGES])
        truth /= (everything <= estimate.window).mean()
        errors.append(estimate.share_by(AGES) - truth)
        naive.append(np.array([(known <= age).mean() for age in AGES]) - truth)

    bias, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(40)
    assert np.all(np.abs(bias) <= 0.005 + 3 * spread)
    assert np.abs(bias).max() < 0.015
    assert np.mean(naive, axis=0).max() > 0.06


def test_the_product_is_that_of_its_definition() -> None:
    """The share by day t is the product over later days s of 1 minus reports on s / records at risk on s."""
    delays, watched, _ = simulated(1, n=150)
    delays, watched = np.round(delays), np.round(watched) + 1  # ties
    estimate = estimate_delays(delays, watched)
    assert estimate is not None

    kept = delays <= estimate.window
    for day, share in zip(estimate.days, estimate.shares, strict=True):
        product = 1.0
        for later in np.unique(delays[kept & (delays > day)]):
            at_risk = np.sum(kept & (delays <= later) & (watched >= later))
            product *= 1 - np.sum(delays[kept] == later) / at_risk
        assert share == pytest.approx(product)


def test_without_truncation_it_is_the_share_of_known_delays() -> None:
    """All were watched for a year."""
    delays = np.arange(1.0, 41.0)
    estimate = estimate_delays(delays, np.full(40, 365.0))
    assert estimate is not None

    assert estimate.share_by([0.5, 1, 20, 40, 400]).tolist() == pytest.approx([0, 0.025, 0.5, 1, 1])
    assert (estimate.quantile(0.5), estimate.mature_age, estimate.window) == (20, 38, 40)
    assert estimate.reported_share([20, 40]) == pytest.approx(0.75)


def test_few_reports_give_no_distribution() -> None:
    """Neither do many of records that were all watched too shortly."""
    assert estimate_delays(np.ones(FEWEST_REPORTS - 1), np.full(FEWEST_REPORTS - 1, 9.0)) is None
    assert median_delay([1.0], [2.0]).estimate is None


def test_a_delay_longer_than_its_record_was_watched_is_refused() -> None:
    """It would have come from the future."""
    with pytest.raises(ValueError, match="at most the time watched"):
        estimate_delays([3.0], [2.0])


def test_the_interval_of_the_median_holds_it() -> None:
    """In most of 20 simulations; 95 % are promised."""
    hits, everything = 0, simulated(100, n=200_000)[2]
    for seed in range(20):
        delays, watched, _ = simulated(seed)
        window = found(seed).window
        truth = float(np.median(everything[everything <= window]))
        estimate = median_delay(delays, watched, seed=seed).estimate
        assert estimate is not None
        hits += estimate.low <= truth <= estimate.high
    assert hits >= 17


def test_weighted_young_records_have_the_odds_of_old_ones() -> None:
    """At every age the weighted records without a report, and the reports, tell the true share of frauds."""
    estimate, fraud = found(3), np.array([0.01, 0.2, 0.6])
    for age in (8.0, 25.0, 70.0, 300.0):
        share = estimate.share_by(age)
        weights = estimate.genuine_weights(age, fraud)
        odds = fraud * share / ((1 - fraud * share) * weights)
        assert odds == pytest.approx(fraud / (1 - fraud))
    assert estimate.genuine_weights(0.0, 0.1) == 0
    assert estimate.genuine_weights(1e4, 0.1) == pytest.approx(1)


def test_the_reports_to_come_are_estimated_from_those_that_came() -> None:
    """On average over simulations, as many as there are in the end."""
    ratios = []
    for seed in range(40):
        known, _, everything = simulated(seed)
        estimate = found(seed)
        expected = len(known) / estimate.reported_share(np.linspace(0, DAYS, 2000))
        ratios.append(expected / np.sum(everything <= estimate.window))
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
