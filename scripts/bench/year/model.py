"""The model of the simulated year: multinomial logistic regression, retrained in a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from goldloop.stats.calibration import Calibration, fit_calibration

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.intp]

PENALTY = 3.0
"""Of half the squared weights, against the loss in nats summed over samples."""


MOST_STEPS = 40  # from last week's weights; more move no probability by a hundredth


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """`weights` (n_features + 1, n_labels), the last row without a feature; calibrated on random labels."""

    version: str
    weights: npt.NDArray[np.float64]
    calibration: Calibration

    def logits(self, features: Floats) -> npt.NDArray[np.float64]:
        """Return uncalibrated logits (n, n_labels)."""
        return np.asarray(features @ self.weights[:-1] + self.weights[-1])

    def probs(self, features: Floats) -> npt.NDArray[np.float64]:
        """Return calibrated probs (n, n_labels)."""
        return self.calibration.apply(self.logits(features))


def train(
    version: str,
    features: Floats,
    truth: Columns,
    validation: tuple[Floats, Columns, npt.NDArray[np.float64]],
    *,
    n_labels: int,
    start: Regression | None = None,
) -> Regression:
    """Return the model of least loss; `validation` is features, labels and weights of random samples."""
    n_features = features.shape[1]
    places = np.arange(len(truth)), truth

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weights = flat.reshape(n_features + 1, n_labels)
        single = weights.astype(np.float32)
        logits = features @ single[:-1] + single[-1]
        logits -= logits.max(axis=1, keepdims=True)
        value = -float(logits[places].sum(dtype=np.float64))
        probs = np.exp(logits)
        total = probs.sum(axis=1, keepdims=True)
        value += float(np.log(total).sum(dtype=np.float64)) + PENALTY * np.square(weights).sum() / 2
        residual = probs / total
        residual[places] -= 1
        gradient = np.vstack([features.T @ residual, residual.sum(axis=0)]) + PENALTY * weights
        return value, gradient.ravel()

    begin = np.zeros((n_features + 1, n_labels)) if start is None else start.weights
    found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    weights = found.x.reshape(n_features + 1, n_labels)
    plain = Regression(version, weights, Calibration())
    seen, right, by_weight = validation
    fitted = fit_calibration(plain.logits(seen), right, weights=by_weight).calibration
    return Regression(version, weights, fitted)
