"""The outlook: what the next answers are expected to bring, and whether they are worth what they cost.

The learning curve is fitted to what every past challenger got wrong on the holdout. What it forecast is
compared with what came: at each past round the curve is fitted to the models of that time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from goldloop.stats.metrics import Estimate
from goldloop.stats.power_law import (
    Floats,
    Measured,
    PowerLaw,
    error_covariance,
    fit_power_law,
    interval_of,
)

N_NEXT = 100
"""Number of the next answers that an outlook is about."""

MIN_MODELS = 3
"""Fewest models for a forecast: a curve has three parameters."""

SURE = 0.95
"""Probability from which on, or up to 1 minus which, the advice is plain."""


class Advice(StrEnum):
    """What the outlook says about the next answers."""

    GO_ON = "go on"
    UNCLEAR = "not clear"
    STOP = "stop"
    UNKNOWN = "not known yet"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a past round forecast of the accuracy of the next model on the holdout, and what was `measured`.

    `round` is that of the next model, `n_models` the number of models that the forecast rests on.
    """

    round: int
    n_models: int
    forecast: Estimate
    measured: float

    @property
    def holds(self) -> bool:
        """Whether the interval held what was measured."""
        return self.forecast.low <= self.measured <= self.forecast.high


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in `currency`: `error` is the mean price of a wrong label, `answer` that of an answer.

    `n_unlabelled` samples have no gold label, so that theirs comes from the model.
    """

    currency: str
    error: float
    answer: float
    n_unlabelled: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What `n_answers` more answers are expected to bring.

    `gain` is by how much the accuracy rises, a share; `worth` what that saves in wrong labels of the samples
    without gold; `pays` the probability that `worth` is above `cost`. They are None while there are fewer
    than `MIN_MODELS` models. `past` are the forecasts of past rounds, oldest first.
    """

    n_answers: int
    n_models: int
    price: Price
    gain: Estimate | None = None
    worth: Estimate | None = None
    pays: float | None = None
    past: tuple[Forecast, ...] = ()

    @property
    def cost(self) -> float:
        """What the answers cost."""
        return self.n_answers * self.price.answer

    @property
    def advice(self) -> Advice:
        """Whether to go on: plain only where it is nearly sure that the answers pay, or that they do not."""
        if self.pays is None:
            return Advice.UNKNOWN
        if self.pays >= SURE:
            return Advice.GO_ON
        return Advice.STOP if self.pays <= 1 - SURE else Advice.UNCLEAR

    @property
    def pays_from(self) -> int | None:
        """Number of samples without gold from which on the expected gain pays; None where none is known."""
        if self.gain is None or self.gain.value * self.price.error <= 0:
            return None
        return int(np.ceil(self.cost / (self.gain.value * self.price.error)))

    @property
    def n_held(self) -> int:
        """Number of past forecasts whose interval held what was measured."""
        return sum(one.holds for one in self.past)


@dataclass(frozen=True, slots=True)
class PastModels:
    """The challengers of past rounds on the holdout, in order; k models, n samples.

    `rounds` (k,) and `answers` (k,) are those of their training. `is_wrong` (k, n) is 1, 0, or NaN where a
    model never judged a sample; `first_judged` (k, n) is the place, among the models, of the round in which
    it first did. `weights` (n,) are inverse inclusion probabilities, `clusters` (n,) what samples belong to.
    """

    rounds: npt.NDArray[np.intp]
    answers: Floats
    is_wrong: Floats
    first_judged: npt.NDArray[np.intp]
    weights: Floats
    clusters: npt.NDArray[np.str_]

    def measured(self, k: int) -> Measured:
        """Return what was measured of the first `k` models when the last of them was trained."""
        return self._measured(np.full(k, k))

    def with_next(self, k: int) -> Measured:
        """Return the same, and after it what was measured of the next model when that was trained."""
        return self._measured(np.append(np.full(k, k), k + 1))

    def _measured(self, known_before: npt.NDArray[np.intp]) -> Measured:
        """Return what was measured of the first models, of each before the round at a place in the order."""
        k = len(known_before)
        is_known = self.first_judged[:k] < known_before[:, None]
        wrong = np.where(is_known, self.is_wrong[:k], np.nan)
        errors, covariance = error_covariance(wrong, self.weights, self.clusters)
        return Measured(self.answers[:k], errors, covariance)


def outlook(models: PastModels, price: Price) -> Outlook:
    """Return what the next `N_NEXT` answers are expected to bring, given all past models."""
    k = len(models.answers)
    if k < MIN_MODELS:
        return Outlook(N_NEXT, k, price)
    gains = fit_power_law(models.measured(k)).gain(N_NEXT)
    worths = gains * price.n_unlabelled * price.error
    return Outlook(
        n_answers=N_NEXT,
        n_models=k,
        price=price,
        gain=interval_of(gains, n=k),
        worth=interval_of(worths, n=k),
        pays=float((worths > N_NEXT * price.answer).mean()),
        past=tuple(_forecast(models, known) for known in range(MIN_MODELS, k)),
    )


def _forecast(models: PastModels, k: int) -> Forecast:
    """Return what the first `k` models forecast of the next one."""
    later = models.with_next(k)
    draws = forecast_next(fit_power_law(models.measured(k)), later)
    accuracies = 1 - np.clip(draws, 0, 1)
    return Forecast(int(models.rounds[k]), k, interval_of(accuracies, n=k), float(1 - later.errors[-1]))


def forecast_next(curve: PowerLaw, later: Measured) -> Floats:
    """Return draws of the error that `later` measured of its last model, given the models before it.

    Only the draw of its samples and their overlap are taken from `later`, and the number of answers.
    """
    covariances, variance = later.covariance[:-1, -1], float(later.covariance[-1, -1])
    return curve.next_measured(float(later.answers[-1]), covariances, variance)
