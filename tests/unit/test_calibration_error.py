"""The calibration error: what chance adds to it is taken off, and its interval holds."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.stats.calibration import Calibration
from goldloop.stats.reliability import calibration_error, reliability_bins


def sample(n: int, *, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probs of a model over six labels that is overconfident by `sharpness`, and true columns."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.5, size=(n, 6))
    drawn = rng.random((n, 1)) < Calibration().apply(logits).cumsum(axis=1)
    return Calibration().apply(logits * sharpness), drawn.argmax(axis=1)


def true_error(sharpness: float) -> float:
    """Return the calibration error of the model itself, to about 0.001."""
    return observed(*sample(200_000, sharpness=sharpness, seed=99))


def observed(probs: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean gap between confidence and accuracy, without a correction for chance."""
    bins = reliability_bins(probs, truth)
    return sum(part.weight_share * abs(part.mean_confidence - part.accuracy.value) for part in bins)


@pytest.mark.parametrize(("n", "sharpness"), [(100, 1.0), (100, 1.6), (400, 1.3), (400, 2.2)])
def test_the_interval_covers_and_the_bias_is_mostly_gone(n: int, sharpness: float) -> None:
    """Over 200 audits the interval covers what is true nine times in ten, and the value is nearer to it."""
    true = true_error(sharpness)
    audits = [sample(n, sharpness=sharpness, seed=seed) for seed in range(200)]
    errors = [calibration_error(*audit) for audit in audits]
    plain = np.mean([observed(*audit) for audit in audits])

    assert np.mean([error.low <= max(true, 0.002) and true <= error.high for error in errors]) > 0.9
    assert abs(np.mean([error.value for error in errors]) - true) < max(0.005, 0.6 * (plain - true))


def test_confidence_that_is_right_gives_an_interval_from_zero() -> None:
    """The interval of a calibrated model starts at 0."""
    error = calibration_error(*sample(300, sharpness=1.0, seed=3))

    assert error.low == 0
    assert error.high > 0.02
    assert error.n == 300


def test_a_few_certain_and_right_answers_prove_little() -> None:
    """Ten right predictions with confidence 1 still allow an error of up to a quarter."""
    error = calibration_error(np.tile([1.0, 0.0], (10, 1)), np.zeros(10, dtype=int))

    assert (error.value, error.low) == (0, 0)
    assert 0.15 < error.high < 0.45


def test_certain_and_always_wrong_is_the_largest_error() -> None:
    """Confidence 1 and never right is an error of 1, and so are both ends of its interval."""
    error = calibration_error(np.tile([1.0, 0.0], (20, 1)), np.ones(20, dtype=int))

    assert error.value == pytest.approx(1)
    assert error.high == pytest.approx(1)
    assert error.low > 0.5


def test_weights_that_are_all_alike_change_nothing() -> None:
    """Only the ratios of the weights count."""
    probs, truth = sample(150, sharpness=1.5, seed=4)

    weighted = asdict(calibration_error(probs, truth, weights=np.full(150, 7.0)))

    assert weighted == pytest.approx(asdict(calibration_error(probs, truth)))


def test_weights_undo_an_audit_that_asked_more_of_what_is_unsure() -> None:
    """A weighted audit estimates the error of all traffic, with a valid interval."""
    true = true_error(1.6)
    errors = []
    for seed in range(60):
        probs, truth = sample(3000, sharpness=1.6, seed=seed)
        rates = 0.05 + 0.35 * (1 - probs.max(axis=1))
        drawn = np.random.default_rng(seed + 1000).random(3000) < rates
        errors.append(calibration_error(probs[drawn], truth[drawn], weights=1 / rates[drawn]))

    assert np.mean([error.value for error in errors]) == pytest.approx(true, abs=0.012)
    assert np.mean([error.low <= true <= error.high for error in errors]) > 0.85


@given(st.integers(1, 60), st.integers(0, 10_000), st.floats(0.2, 4))
def test_the_error_is_an_estimate_inside_its_range(n: int, seed: int, sharpness: float) -> None:
    """However few samples, 0 <= low <= value <= high <= 1; order of samples and labels change nothing."""
    probs, truth = sample(n, sharpness=sharpness, seed=seed)
    labels, rows = np.random.default_rng(seed).permutation(6), np.random.default_rng(seed).permutation(n)

    error = calibration_error(probs, truth)
    other = calibration_error(probs[:, labels][rows], np.argsort(labels)[truth][rows])

    assert 0 <= error.low <= error.value <= error.high <= 1
    for name in ("value", "low", "high"):
        assert getattr(error, name) == pytest.approx(getattr(other, name), abs=1e-6)


def test_no_samples_and_bad_ones_are_refused() -> None:
    """Nothing, a column outside the labels and NaN have an error each."""
    with pytest.raises(EmptyPoolError, match="cannot calibrate with 0 samples"):
        calibration_error(np.zeros((0, 2)), [])
    with pytest.raises(LabelError, match="column 2 of row 0 is outside"):
        calibration_error([[0.5, 0.5]], [2])
    with pytest.raises(InvalidProbabilitiesError, match="probs of row 0 are not finite"):
        calibration_error([[0.5, np.nan]], [0])


def test_unequal_weights_are_worth_fewer_samples() -> None:
    """Where a tenth of the samples carries most of the weight, the interval is clearly wider."""
    probs, truth = sample(400, sharpness=1.5, seed=9)
    weights = np.where(np.arange(400) % 10 == 0, 30.0, 1.0)

    even, uneven = calibration_error(probs, truth), calibration_error(probs, truth, weights=weights)

    assert uneven.high - uneven.low > 1.5 * (even.high - even.low)
