"""Calibration where labels were learnt more often than they occur."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from goldloop.stats.calibration import Calibration, fit_calibration


def drawn(n: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a feature and the label of `n` samples, a `share` of which has the second label."""
    truth = (rng.random(n) < share).astype(np.intp)
    return rng.normal(2.0 * truth, 1.0), truth


def logits_learnt_at(share: float, x: np.ndarray) -> np.ndarray:
    """Return the exact logits of samples among which the second label has this share."""
    second = np.log(share / (1 - share)) + 2.0 * x - 2.0
    return np.stack([np.zeros(len(x)), second], axis=1)


@pytest.mark.parametrize("n_audits", [300, 3000])
def test_a_label_that_was_learnt_too_often_gets_its_true_probability(n_audits: int) -> None:
    """Learnt at 30 %, it occurs in 2 %: probabilities are right on average, as without the correction not."""
    rng = np.random.default_rng(0)
    learnt = (np.arange(600) < 180).astype(np.intp)
    x, truth = drawn(n_audits, 0.02, rng)
    logits = logits_learnt_at(0.3, x)
    fresh, _ = drawn(50_000, 0.02, rng)
    exact = softmax(logits_learnt_at(0.02, fresh), axis=1)[:, 1]

    def error(calibration: Calibration) -> float:
        return float(abs(calibration.apply(logits_learnt_at(0.3, fresh))[:, 1] - exact).mean())

    corrected, plain = fit_calibration(logits, truth, learnt=learnt), fit_calibration(logits, truth)

    assert error(corrected) < 0.01
    assert error(corrected) < 0.7 * error(plain)


def test_nothing_is_corrected_where_it_does_not_pay() -> None:
    """The labels were chosen so that they look frequent, but the model is calibrated all the same."""
    x, truth = drawn(2000, 0.02, np.random.default_rng(1))
    logits = logits_learnt_at(0.02, x)
    learnt = (np.arange(600) < 180).astype(np.intp)

    assert fit_calibration(logits, truth, learnt=learnt) == fit_calibration(logits, truth)


def test_a_shift_is_what_it_does_to_logits() -> None:
    """A shifted calibration makes of logits what the plain one makes of logits with the shift added."""
    logits, shift = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]), np.array([0.5, -1.5, 1.0])
    plain = Calibration(1.7, (0.1, 0.2, -0.3))

    assert plain.shifted(shift).apply(logits) == pytest.approx(plain.apply(logits + shift))
