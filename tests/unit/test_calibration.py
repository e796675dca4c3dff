"""Calibration: confidence means what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.stats.calibration import TEMPERATURE_RANGE, Calibration, fit_calibration, fit_temperature
from goldloop.stats.reliability import calibration_error, reliability_bins


def honest_sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of a perfectly calibrated model over four labels and labels drawn from its probs."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, 4))
    drawn = rng.random((n, 1)) < Calibration().apply(logits).cumsum(axis=1)
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

    assert calibration_error(Calibration().apply(raw), fresh).low > 0.15
    assert calibration_error(Calibration(temperature).apply(raw), fresh).value < 0.03


def test_a_few_perfect_samples_do_not_make_the_model_certain() -> None:
    """Ten samples that are all right leave confidence below 1."""
    logits = np.tile([4.0, 0.0, 0.0], (10, 1))

    temperature = fit_temperature(logits, np.zeros(10, dtype=int))

    assert temperature == pytest.approx(1.0, abs=0.35)
    assert Calibration(temperature).apply(logits).max() < 0.9999


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
    probs = Calibration(temperature).apply(logits)

    assert np.allclose(probs.sum(axis=1), 1)
    assert (probs >= 0).all()
    assert (probs[np.arange(5), logits.argmax(axis=1)] == probs.max(axis=1)).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_fitted_temperature_stays_in_its_range(truth: list[int], seed: int) -> None:
    """For any logits the temperature is valid."""
    logits = np.random.default_rng(seed).normal(scale=100, size=(len(truth), 3))

    assert TEMPERATURE_RANGE[0] <= fit_temperature(logits, truth) <= TEMPERATURE_RANGE[1]


def test_bins_hold_every_sample_once_and_the_edges_belong_to_the_upper_bin() -> None:
    """Confidence 0.6 opens the bin [9 / 15, 10 / 15), and confidence 1 lies in the last one."""
    probs = np.array([[0.6, 0.4], [0.59, 0.41], [0.65, 0.35], [1.0, 0.0], [0.0, 1.0]])

    bins = reliability_bins(probs, [0, 0, 1, 0, 0])

    assert [(round(15 * part.low), round(15 * part.high), part.accuracy.n) for part in bins] == [
        (8, 9, 1),
        (9, 10, 2),
        (14, 15, 2),
    ]
    assert [part.accuracy.value for part in bins] == [1.0, 0.5, 0.5]
    assert bins[1].mean_confidence == pytest.approx(0.625)
    assert bins[1].accuracy.low < 0.5 < bins[1].accuracy.high


@pytest.mark.parametrize(("weights", "gap"), [((1, 1), 0.275), ((10, 1), (10 * 0.4 + 0.15) / 11)])
def test_the_calibration_error_is_the_mean_gap(weights: tuple[int, int], gap: float) -> None:
    """Half at 0.9 of which half are right, half at 0.6 of which 3 in 4 are; gaps 0.4 and 0.15, weighted."""
    probs = np.repeat([[0.9, 0.1], [0.6, 0.4]], 4000, axis=0)
    truth = np.concatenate([np.tile([0, 0, 1, 1], 1000), np.tile([0, 0, 0, 1], 1000)])

    error = calibration_error(probs, truth, weights=np.repeat(weights, 4000))

    assert error.value == pytest.approx(gap, abs=1e-3)


@pytest.mark.parametrize(
    ("logits", "columns", "error", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, dtype=int), EmptyPoolError, "cannot calibrate with 0 samples"),
        (
            np.zeros(3),
            [0, 0, 0],
            InvalidProbabilitiesError,
            r"logits need shape \(n, at least 2 labels\), got",
        ),
        ([[0.0, np.nan]], [0], InvalidProbabilitiesError, "logits of row 0 are not finite"),
        ([[0.0, 1.0]], [2], LabelError, "column 2 of row 0 is outside the label set of 2 labels"),
        ([[0.0, 1.0]], [0.5], LabelError, "columns need to be integers, got float64"),
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
        Calibration(temperature)


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0], "weights have shape"), ([1.0, 0.0], "weight 0.0 of row 1")]
)
def test_weights_that_are_no_weights_are_refused(weights: list[float], message: str) -> None:
    """One positive weight for each sample, or an error that names the row."""
    with pytest.raises(InvalidProbabilitiesError, match=message):
        fit_temperature([[0.0, 1.0], [1.0, 0.0]], [0, 1], weights=weights)


# --- an offset for each label -------------------------------------------------------------------------------


def tilted_sample(n: int, *, tilt: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are off by `tilt`, half of it up for label 0 and half down for label 1."""
    logits, truth = honest_sample(n, seed)
    return logits + np.array([tilt / 2, -tilt / 2, 0, 0]), truth


def loss(calibration: Calibration, logits: np.ndarray, truth: np.ndarray) -> float:
    """Return nats a sample."""
    return float(-np.log(calibration.apply(logits)[np.arange(len(truth)), truth]).mean())


def test_offsets_undo_what_training_tilted() -> None:
    """If two labels are biased in opposite directions, offsets find the bias and lower the loss."""
    fit = fit_calibration(*tilted_sample(3000, tilt=2.0, seed=1))
    new = tilted_sample(3000, tilt=2.0, seed=2)

    assert fit.offsets == pytest.approx((-1, 1, 0, 0), abs=0.2)
    assert loss(fit, *new) < loss(Calibration(fit_temperature(*new)), *new) - 0.05


def test_offsets_that_do_not_pay_are_left_out() -> None:
    """Without a bias, most fits have no offsets, and the others do not raise the loss."""
    fits = [fit_calibration(*honest_sample(200, seed)) for seed in range(20)]
    logits, truth = honest_sample(20_000, 99)

    assert np.mean([fit.offsets == () for fit in fits]) >= 0.75
    assert np.mean([loss(fit, logits, truth) for fit in fits]) < loss(Calibration(), logits, truth) + 0.01


def test_few_samples_get_no_offsets() -> None:
    """With fewer than 50 samples offsets are not tried."""
    fit = fit_calibration(*tilted_sample(49, tilt=4.0, seed=3))

    assert fit.offsets == ()


def test_permuting_labels_permutes_offsets() -> None:
    """The order of labels does not change the offsets."""
    logits, truth = tilted_sample(400, tilt=2.0, seed=4)
    order = np.array([2, 0, 3, 1])

    calibration = fit_calibration(logits, truth)
    other = fit_calibration(logits[:, order], np.argsort(order)[truth])

    assert other.temperature == pytest.approx(calibration.temperature, rel=1e-3)
    assert other.offsets == pytest.approx(tuple(np.array(calibration.offsets)[order]), abs=1e-3)


def test_offsets_are_fitted_to_all_traffic_not_to_what_was_audited_most() -> None:
    """An audit that drew label 0 three times as often does not push label 0, given its weights."""
    logits, truth = honest_sample(12_000, seed=5)
    rates = np.where(truth == 0, 0.6, 0.2)
    drawn = np.random.default_rng(6).random(len(truth)) < rates
    kept = (logits[drawn], truth[drawn])

    weighted = fit_calibration(*kept, weights=1 / rates[drawn]).offsets
    unweighted = fit_calibration(*kept).offsets

    assert not weighted or abs(weighted[0]) < 0.15
    assert unweighted[0] > 0.5


def test_offsets_that_do_not_fit_are_refused() -> None:
    """Another number of offsets than labels, or one that is not finite, never reaches the logits."""
    with pytest.raises(InvalidProbabilitiesError, match="there are 2 offsets for 3 labels"):
        Calibration(1.0, (0.1, -0.1)).apply([[0.0, 1.0, 2.0]])
    with pytest.raises(InvalidProbabilitiesError, match="offsets must be finite"):
        Calibration(1.0, (0.1, float("nan")))


def test_logits_of_any_size_can_be_judged() -> None:
    """Probabilities too small for a float do not make the choice between temperature and offsets fail."""
    logits, truth = honest_sample(60, seed=7)

    fit = fit_calibration(logits * 1e6, truth)

    assert np.isfinite([fit.temperature, *fit.offsets]).all()


def test_a_label_that_did_not_occur_in_a_few_samples_is_not_abolished() -> None:
    """Sixty samples without label 3 make it less likely, by a factor of three at most."""
    logits, truth = honest_sample(90, seed=8)
    kept = truth != 3

    offsets = fit_calibration(logits[kept], truth[kept]).offsets

    assert -np.log(3) < offsets[3] < -0.2


def test_only_the_ratios_of_weights_count() -> None:
    """Ten perfect samples are ten, also where each stands for a thousand."""
    logits = np.tile([4.0, 0.0, 0.0], (10, 1))
    truth = np.zeros(10, dtype=int)

    heavy = fit_temperature(logits, truth, weights=np.full(10, 1000.0))

    assert heavy == pytest.approx(fit_temperature(logits, truth), rel=1e-4)
