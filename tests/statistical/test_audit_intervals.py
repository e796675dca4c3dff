"""Estimates from audits hold the truth as often as they promise, and are not biased."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.stats.measures import share
from scripts.bench.guarantees.audit import drawn, estimated
from scripts.bench.guarantees.calibration import errors, observed_error, sharpened
from scripts.bench.outputs import calibrated_population, simulated_outputs
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical

MADE = simulated_outputs(5000, seed=0)
PROBS, TRUTH = calibrated_population(MADE, seed=0)


@pytest.mark.parametrize("design", ["uniform", "poisson"])
@pytest.mark.parametrize("method", ["goldloop", "no model"])
@pytest.mark.parametrize("size", [100, 300])
def test_accuracy_is_in_its_interval(design: str, method: str, size: int) -> None:
    """The 95 % interval of the accuracy of all traffic holds it in at least 93 % of 400 audits."""
    draws, chance = drawn(PROBS, size=size, design=design, n=400, seed=1)
    inside = np.ones(len(TRUTH), dtype=bool)
    estimates = estimated(method, draws, PROBS, TRUTH, chance=chance, inside=inside)
    true = float((PROBS.argmax(axis=1) == TRUTH).mean())
    values = np.array([estimate.value for estimate in estimates])

    assert at_least([estimate.low <= true <= estimate.high for estimate in estimates], 0.93)
    assert abs(values.mean() - true) <= 4 * values.std() / len(values) ** 0.5


@pytest.mark.parametrize("design", ["uniform", "poisson"])
@pytest.mark.parametrize("state", ["calibrated", "overconfident"])
def test_calibration_error_is_in_its_interval(state: str, design: str) -> None:
    """The interval of the calibration error holds it in at least 91 %, its lower end is above it in 6 %."""
    probs = sharpened(MADE, state)
    true = observed_error(probs, MADE.truth)
    estimates, _ = errors(probs, MADE.truth, size=300, design=design, n=200, seed=1)

    assert at_least([estimate.low <= true <= estimate.high for estimate in estimates], 0.91)
    assert at_most([estimate.low > true for estimate in estimates], 0.06)


@pytest.mark.parametrize("skill", [0.98, 0.90, 0.75, 0.10])
def test_a_share_of_honeypots_is_in_its_interval(skill: float) -> None:
    """With as many honeypots as a rate of one in twenty brings, the interval of a skill holds it in 93 %."""
    rng = np.random.default_rng(1)
    counts = rng.binomial(1200, 0.05, 2000)
    shares = [
        share(int(hits), int(n)).estimate for hits, n in zip(rng.binomial(counts, skill), counts, strict=True)
    ]

    assert at_least([found is not None and found.low <= skill <= found.high for found in shares], 0.93)
