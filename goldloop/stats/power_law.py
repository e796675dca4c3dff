"""The learning curve of a model: an inverse power law of the answers it learnt from, with intervals.

The error after n answers is `floor + scale * (n / n_newest) ** -rate` [figueroa2012] [viering2023]. What is
measured of it differs by the samples that were drawn to measure, which models share, and by chance in the
training of each model. The parameters have a prior, flat over what is possible, so that few points give wide
intervals, not none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from goldloop.stats.metrics import Estimate

Floats = npt.NDArray[np.float64]

RATES = np.linspace(0.1, 1.5, 15)
"""Rates of the fall: curves of real data sets have mostly 0.1 to 1.5 [viering2023]."""

SPREADS = np.array([0.002, 0.005, 0.01, 0.02, 0.04])
"""Standard deviations of the accuracy of models that learnt from as many answers."""

N_FLOORS = 60
N_DRAWS = 4000
_CHANCES = (np.arange(N_DRAWS) + 0.5) / N_DRAWS


@dataclass(frozen=True, slots=True)
class Measured:
    """The measured errors of models, in the order in which they were trained.

    `answers` (k,) are above 0, `errors` (k,) are shares, `covariance` (k, k) is that of the errors by the
    draw of the samples.
    """

    answers: Floats
    errors: Floats
    covariance: Floats

    def __post_init__(self) -> None:
        k = len(self.answers)
        if not k or self.errors.shape != (k,) or self.covariance.shape != (k, k) or min(self.answers) <= 0:
            raise ValueError(
                f"measured errors need answers above 0 (k,), errors (k,) and their covariance (k, k), got "
                f"{self.answers.tolist()}, {self.errors.shape} and {self.covariance.shape}"
            )

    def first(self, k: int) -> Measured:
        """Return the first `k` models."""
        return Measured(self.answers[:k], self.errors[:k], self.covariance[:k, :k])


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Draws of the curve's parameters, each (N_DRAWS,), given what was `measured`."""

    measured: Measured
    floor: Floats
    scale: Floats
    rate: Floats
    spread: Floats

    def error(self, answers: float | Floats) -> Floats:
        """Return the error of the curve after so many answers, (N_DRAWS,) or (k, N_DRAWS) for (k,) numbers.

        It is that of the mean of many models, not of one.
        """
        ratio = np.atleast_1d(np.asarray(answers, dtype=np.float64))[:, None] / self.measured.answers[-1]
        errors = np.asarray(self.floor + self.scale * ratio**-self.rate)
        return errors if np.ndim(answers) else np.asarray(errors[0])

    def gain(self, n_answers: float) -> Floats:
        """Return by how much the error falls with `n_answers` more than the newest model had, (N_DRAWS,)."""
        newest = float(self.measured.answers[-1])
        return self.error(newest) - self.error(newest + n_answers)

    def next_measured(self, answers: float, covariances: Floats, variance: float, seed: int = 0) -> Floats:
        """Return draws of the error that will be measured of a model of `answers` answers, (N_DRAWS,).

        `covariances` (k,) are those with the errors that were measured, by the samples in common, `variance`
        is its own.
        """
        known = self.measured
        residuals = known.errors[:, None] - self.error(known.answers)
        draws = np.empty(N_DRAWS)
        noise = np.random.default_rng([seed, 1]).standard_normal(N_DRAWS)
        for spread in np.unique(self.spread):
            rows = self.spread == spread
            weights = np.linalg.solve(_total(known.covariance, spread), covariances)
            left = max(0.0, variance - float(covariances @ weights)) + spread**2
            draws[rows] = weights @ residuals[:, rows] + np.sqrt(left) * noise[rows]
        return np.clip(draws + self.error(answers), 0.0, 1.0)


def fit_power_law(measured: Measured, *, seed: int = 0) -> PowerLaw:
    """Return the curve given what was `measured`, of one model at least; `seed` is that of the draws.

    The prior of floor and scale is flat from 0 to 1, that of rate and spread flat over RATES and SPREADS. For
    given floor, rate and spread the scale is normal, cut to what is possible, so that its weight is known.
    """
    floors = np.linspace(0.0, float(min(1.0, _highest_floor(measured))), N_FLOORS)
    cells, logs = [], []
    for spread in SPREADS:
        inverse = np.linalg.inv(_total(measured.covariance, spread))
        size = np.linalg.slogdet(inverse)[1]
        for rate in RATES:
            shape = (measured.answers / measured.answers[-1]) ** -rate
            rest = measured.errors[None, :] - floors[:, None]  # (N_FLOORS, k)
            precision = float(shape @ inverse @ shape)
            centre = rest @ inverse @ shape / precision
            fits = np.einsum("ij,jk,ik->i", rest, inverse, rest) - precision * centre**2
            deviation = precision**-0.5
            possible = norm.cdf((1 - centre) / deviation) - norm.cdf(-centre / deviation)
            logs.append(size / 2 - fits / 2 + np.log(deviation) + np.log(np.maximum(possible, 1e-300)))
            same = np.full(N_FLOORS, 1.0)
            cells.append(np.column_stack([floors, centre, deviation * same, rate * same, spread * same]))
    return _drawn(measured, np.concatenate(cells), np.concatenate(logs), seed)


def _drawn(measured: Measured, cells: Floats, logs: Floats, seed: int) -> PowerLaw:
    """Return draws from `cells` (n, 5), each with the logarithm of its weight."""
    rng = np.random.default_rng([seed, 0])
    weights = np.exp(logs - logs.max())
    places = np.searchsorted(np.cumsum(weights / weights.sum()), _CHANCES).clip(max=len(cells) - 1)
    floor, centre, deviation, rate, spread = cells[places].T
    low, high = norm.cdf(-centre / deviation), norm.cdf((1 - centre) / deviation)
    chance = low + (high - low) * rng.random(N_DRAWS)
    scale = np.clip(centre + deviation * norm.ppf(np.clip(chance, 1e-12, 1 - 1e-12)), 0.0, 1.0)
    return PowerLaw(measured, floor, scale, rate, spread)


def _highest_floor(measured: Measured) -> float:
    deviations = np.sqrt(np.diag(measured.covariance) + SPREADS[-1] ** 2)
    return float(max(0.02, (measured.errors + 4 * deviations).min()))


def _total(covariance: Floats, spread: float) -> Floats:
    return np.asarray(covariance + spread**2 * np.eye(len(covariance)))


def error_covariance(
    is_wrong: Floats, weights: Floats, clusters: npt.NDArray[np.str_]
) -> tuple[Floats, Floats]:
    """Return the errors (k,) of models on samples, and their covariance (k, k) by the draw of the samples.

    `is_wrong` (k, n) is 1, 0, or NaN where a model was not asked; each model needs one sample. An error is a
    Hájek mean with `weights` (n,) [hajek1971], its variance the sum of squared residuals of `clusters` (n,);
    it is at least that of two more right and two more wrong samples [agresticoull1998], so that a model
    without mistakes is not taken for a perfect one.
    """
    asked = np.isfinite(is_wrong)
    shares = np.where(asked, weights, 0.0)
    shares /= shares.sum(axis=1, keepdims=True)
    errors = np.asarray((shares * np.nan_to_num(is_wrong)).sum(axis=1))
    residuals = shares * (np.nan_to_num(is_wrong) - errors[:, None])
    _, places = np.unique(clusters, return_inverse=True)
    totals = np.zeros((len(errors), int(places.max()) + 1))
    for model, row in enumerate(residuals):
        totals[model] = np.bincount(places, row, minlength=totals.shape[1])
    covariance = totals @ totals.T
    n = 1 / np.square(shares).sum(axis=1)
    least = (n * errors + 2) * (n * (1 - errors) + 2) / (n + 4) ** 3
    missing = np.maximum(0.0, least - np.diag(covariance))
    return errors, np.asarray(covariance + np.diag(missing))


def interval_of(draws: Floats, *, n: int, level: float = 0.95) -> Estimate:
    """Return the mean of `draws`, and the interval that holds the share `level` of them."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
    value = float(draws.mean())
    return Estimate(value, min(low, value), max(high, value), n)
