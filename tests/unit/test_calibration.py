"""Calibration: confidence means what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from goldloop.calibration import (
    TEMPERATURE_RANGE,
    calibrated,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from goldloop.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError


def honest_sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of a perfectly calibrated model over four labels and labels drawn from its probs."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, 4))
    drawn = rng.random((n, 1)) < calibrated(logits, 1.0).cumsum(axis=1)
    return logits, drawn.argmax(axis=1)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(factor: float) -> None:
    """Logits that are too large or too small by a factor get that factor back as their temperature."""
    logits, truth = honest_sample(5000)

    assert fit_temperature(factor * logits, truth) == pytest.approx(factor, rel=0.05)


def test_fitting_makes_an_overconfident_model_calibrated() -> None:
    """The calibration error of an overconfident model falls to what chance alone explains."""
    logits, truth = honest_sample(8000)
    raw, fresh = 3 * logits[4000:], truth[4000:]

    temperature = fit_temperature(3 * logits[:4000], truth[:4000])

    assert expected_calibration_error(calibrated(raw, 1.0), fresh) > 0.15
    assert expected_calibration_error(calibrated(raw, temperature), fresh) < 0.03


def test_a_few_perfect_samples_do_not_make_the_model_certain() -> None:
    """Ten samples that are all right leave confidence below 1, so the band still sees something."""
    logits = np.tile([4.0, 0.0, 0.0], (10, 1))

    temperature = fit_temperature(logits, np.zeros(10, dtype=int))

    assert temperature == pytest.approx(1.0, abs=0.35)
    assert calibrated(logits, temperature).max() < 0.9999


def test_weights_stand_for_the_samples_that_were_not_drawn() -> None:
    """A sample of weight 3 among ones counts like three copies of it, up to the smaller effective n."""
    logits, truth = honest_sample(3000, seed=1)
    weights = np.where(np.arange(3000) < 1000, 3.0, 1.0)
    copies = np.concatenate([np.repeat(np.arange(1000), 3), np.arange(1000, 3000)])

    weighted = fit_temperature(logits, truth, weights=weights)

    assert weighted == pytest.approx(fit_temperature(logits[copies], truth[copies]), rel=1e-3)


@given(arrays(np.float64, (5, 3), elements=st.floats(-50, 50)), st.floats(*TEMPERATURE_RANGE))
def test_calibrating_gives_probabilities_and_keeps_the_winner(logits: np.ndarray, temperature: float) -> None:
    """Rows sum to one, and the label of the largest logit stays among the most probable."""
    probs = calibrated(logits, temperature)

    assert np.allclose(probs.sum(axis=1), 1)
    assert (probs >= 0).all()
    assert (probs[np.arange(5), logits.argmax(axis=1)] == probs.max(axis=1)).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_fitted_temperature_stays_in_its_range(truth: list[int], seed: int) -> None:
    """Whatever the logits, the temperature is one that `calibrated` takes."""
    logits = np.random.default_rng(seed).normal(scale=100, size=(len(truth), 3))

    assert TEMPERATURE_RANGE[0] <= fit_temperature(logits, truth) <= TEMPERATURE_RANGE[1]


def test_bins_hold_every_sample_once_and_the_edges_belong_to_the_upper_bin() -> None:
    """Confidence 0.6 opens the bin [0.6, 0.8), and confidence 1 lies in the last one."""
    probs = np.array([[0.6, 0.4], [0.59, 0.41], [0.79, 0.21], [1.0, 0.0], [0.0, 1.0]])

    bins = reliability_bins(probs, [0, 0, 1, 0, 0], n_bins=5)

    assert [(round(one.low, 1), round(one.high, 1), one.n) for one in bins] == [
        (0.4, 0.6, 1),
        (0.6, 0.8, 2),
        (0.8, 1.0, 2),
    ]
    assert [one.accuracy.value for one in bins] == [1.0, 0.5, 0.5]
    assert bins[1].mean_confidence == pytest.approx(0.695)
    assert bins[1].accuracy.low < 0.5 < bins[1].accuracy.high


def test_the_calibration_error_is_the_mean_gap() -> None:
    """Four samples at 0.9 of which two are right, and four at 0.6 of which three are: (0.4 + 0.15) / 2."""
    probs = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 4)
    truth = [0, 0, 1, 1, 0, 0, 0, 1]

    assert expected_calibration_error(probs, truth) == pytest.approx(0.275)


def test_the_calibration_error_weighs_bins_by_what_they_stand_for() -> None:
    """Samples drawn at a tenth of the rate count ten times."""
    probs = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 4)
    truth = [0, 0, 1, 1, 0, 0, 0, 1]

    error = expected_calibration_error(probs, truth, weights=[10] * 4 + [1] * 4)

    assert error == pytest.approx((10 * 0.4 + 0.15) / 11)


@pytest.mark.parametrize(
    ("logits", "columns", "error", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, dtype=int), EmptyPoolError, "0 samples say nothing about calibration"),
        (
            np.zeros(3),
            [0, 0, 0],
            InvalidProbabilitiesError,
            r"logits need shape \(n, at least 2 labels\), got",
        ),
        ([[0.0, np.nan]], [0], InvalidProbabilitiesError, "logits of row 0 are not finite"),
        ([[0.0, 1.0]], [2], LabelError, "column 2 of row 0 is outside the label set of 2 labels"),
        ([[0.0, 1.0]], [0.5], LabelError, "columns need to be whole numbers, got float64"),
        ([[0.0, 1.0]], [[0]], LabelError, r"columns need shape \(n,\)"),
        ([[0.0, 1.0]], [0, 1], LabelError, "there are 2 columns for 1 rows"),
    ],
)
def test_what_cannot_be_calibrated_is_named(
    logits: object, columns: object, error: type[Exception], message: str
) -> None:
    """Each kind of bad input has its error, which names the row and the value."""
    with pytest.raises(error, match=message):
        fit_temperature(logits, columns)  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_a_temperature_that_is_no_positive_number_is_refused(temperature: float) -> None:
    """A temperature of zero, below it or not finite never reaches the logits."""
    with pytest.raises(InvalidProbabilitiesError, match="temperature must be a positive number"):
        calibrated([[0.0, 1.0]], temperature)


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0], "weights have shape"), ([1.0, 0.0], "weight 0.0 of row 1")]
)
def test_weights_that_are_no_weights_are_refused(weights: list[float], message: str) -> None:
    """One positive weight for each sample, or an error that names the row."""
    with pytest.raises(InvalidProbabilitiesError, match=message):
        fit_temperature([[0.0, 1.0], [1.0, 0.0]], [0, 1], weights=weights)
