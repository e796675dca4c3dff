"""The model of the simulated year: multinomial logistic regression, retrained in a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.calibration import Calibration, fit_calibration
from goldloop.training.ports import TrainedModel
from scripts.bench.pictures import Columns, Floats

Features = npt.NDArray[np.float32]
PENALTY = 3.0
"""Of half the squared weights, against the loss in nats summed over samples."""

MOST_STEPS = 40  # from last week's weights; more move no probability by a hundredth
FILE = "regression.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A scorer of features; `weights` (n_features + 1, n_labels), the last row without a feature."""

    labels: LabelSet
    weights: Floats
    calibration: Calibration
    preset: str = "tiny"

    def logits(self, features: Features) -> Floats:
        """Return uncalibrated logits (n, n_labels)."""
        return np.asarray(features @ self.weights[:-1] + self.weights[-1])

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return calibrated probs of the features `payloads`, which are the embeddings too."""
        features = np.asarray(payloads, dtype=np.float32)
        return Scores(self.calibration.apply(self.logits(features)), features)


class RegressionTrainer:
    """A trainer of goldloop that begins where its last model ended."""

    cross_fits = False

    def __init__(self) -> None:
        self._weights: Floats | None = None

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        *,
        labels: LabelSet,
        load: Callable[[SampleId], Decoded],
        folder: Path,
        advance: Callable[[float], None] = lambda _: None,
        validation_weights: Sequence[float] | None = None,
        folds: Sequence[int] | None = None,
    ) -> TrainedModel:
        """Save the model of least loss to `folder`, calibrated on `validation`.

        Raises:
            EmptyPoolError: there is nothing to train on.
        """
        if not train:
            raise EmptyPoolError("no train samples; label some samples first")
        features, columns = _arrays(train, load)
        begin = np.zeros((features.shape[1] + 1, len(labels))) if self._weights is None else self._weights
        self._weights = _fitted(features, columns, begin)
        plain = Regression(labels, self._weights, Calibration())
        seen, right = _arrays(validation, load)
        weights = None if validation_weights is None else np.asarray(validation_weights)
        fitted = fit_calibration(plain.logits(seen), right, weights=weights)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / FILE,
            weights=self._weights,
            temperature=fitted.temperature,
            offsets=np.array(fitted.offsets),
            labels=np.array(labels.names),
        )
        advance(1.0)
        return TrainedModel(folder, history={})

    def scorer(self, folder: Path) -> Regression:
        """Return the model saved in `folder`."""
        with np.load(folder / FILE) as read:
            calibration = Calibration(float(read["temperature"]), tuple(read["offsets"].tolist()))
            return Regression(LabelSet(tuple(read["labels"].tolist())), read["weights"], calibration)

    def served(self, folder: Path, beside: Path, *, form: RecordForm) -> None:
        """Return None: a registry in memory serves nobody else."""


def _arrays(
    pairs: Sequence[tuple[SampleId, int]], load: Callable[[SampleId], Decoded]
) -> tuple[Features, Columns]:
    features = np.array([load(sample_id).payload for sample_id, _ in pairs], dtype=np.float32)
    return features, np.array([column for _, column in pairs], dtype=np.intp)


def _fitted(features: Features, columns: Columns, begin: Floats) -> Floats:
    """Return the weights of least loss, from `begin` on."""
    places = np.arange(len(columns)), columns

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(begin.shape)
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

    best = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    return np.asarray(best.x.reshape(begin.shape))
