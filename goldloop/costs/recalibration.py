"""The recalibration of a model on what a quarter tells: reports, audits, and people's answers.

A model may be too sure, too low, or blind to amounts. The log-odds of each label against the first become
`a + b z + g log(stake)`, with z the model's [cox1958]. Frauds are rare, and each source knows another part of
them: outcomes report frauds that passed, audits draw from everything, people's answers tell of what they saw.
One likelihood joins them all, and how many frauds are ever reported and how often people are right are
parameters in it. Weak priors keep parameters that nothing is known of near what they are today.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax

from goldloop.costs.population import PASSED, Population
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.metrics import Floats

SHIFT_SD, SLOPE_SD, STAKE_SD = 1.0, 0.5, 0.5
"""Standard deviations of the priors: of the shift of log-odds, of their slope (around 1), of log(stake)."""

COMPLETE, N_COMPLETE = 0.9, 20.0
"""Share of the frauds that passed which are ever reported, and the number of frauds that this rests on."""

_STEP = 1e-4  # of the differences of the gradient, in units of the parameters
_LEAST = 1e-9  # probability
_TINY = 1e-300
_MOST_LOG_ODDS = 50.0


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The posterior of the parameters: normal, with mean `mode` (p,) and covariance `root` @ `root`.T."""

    likelihood: Likelihood
    mode: Floats
    root: Floats

    def drawn(self, rng: np.random.Generator, n: int) -> Iterator[Floats]:
        """Yield `n` draws of the parameters, each (p,)."""
        for _ in range(n):
            yield self.mode + self.root @ rng.standard_normal(len(self.mode))


class Likelihood:
    """The likelihood of the parameters: shifts (n_labels - 1), slope, stake, completeness, then rates.

    The completeness is the log-odds of the share of frauds that are ever reported. The rates are log-odds of
    each answer against the first, by lane and true label, for lanes whose rates are estimated. Arrays by
    label have the shape (n_labels, N), which is several times as fast here as (N, n_labels).
    """

    def __init__(self, population: Population) -> None:
        passed, is_known = population.taken == PASSED, population.is_known
        self.population, self.n_labels = population, population.probs.shape[1]
        logs = np.log(np.clip(population.probs.T, _LEAST, 1.0))
        self.log_odds = logs[PASSED + 1 :] - logs[PASSED]
        self.log_stakes = np.log(population.stakes + 0.01 * population.stakes.mean() + _LEAST)
        weights = np.clip(population.probs.T[PASSED + 1 :], _LEAST, 1.0)
        self.middle = float(np.average(self.log_odds, weights=weights))
        self.log_stakes -= np.average(self.log_stakes, weights=weights.sum(axis=0))
        self.is_report = population.is_reported & passed & (population.truth != PASSED)
        self.is_unreported = passed & ~population.is_reported
        self.used = ~(
            population.is_reported & ~passed & ~population.is_audited
        )  # no draw of what was stopped
        self.is_delay_known = bool(population.reported_shares.any() or not self.is_report.any())
        self.shares = population.reported_shares if self.is_delay_known else np.ones(len(population))
        is_answered = population.is_labelled & ~population.is_audited
        self.answered = {
            lane: np.flatnonzero(is_answered & (population.lanes == lane)) for lane in population.rates
        }
        self.lanes = sorted(population.rate_counts)
        self.seen = np.ones((self.n_labels, len(population)))
        self.seen[:, is_known] = np.eye(self.n_labels)[:, population.truth[is_known]]

    @property
    def start(self) -> Floats:
        """The parameters that change nothing, (p,)."""
        rates = [np.log(np.clip(self._rates(lane), _LEAST, 1.0)) for lane in self.lanes]
        complete = COMPLETE if self.is_delay_known else 0.5
        first = [*np.zeros(self.n_labels - 1), 1.0, 0.0, logit(complete)]
        return np.concatenate([first, *[(one[:, 1:] - one[:, :1]).ravel() for one in rates]])

    def _rates(self, lane: str) -> Floats:
        return np.asarray(self.population.rates[lane], dtype=np.float64)

    def joint(self, at: Floats) -> tuple[Floats, Floats]:
        """Return the recalibrated probs, and how probable what is known is for each label."""
        n = self.n_labels
        shifts, (slope, stake, complete), of_rates = at[: n - 1], at[n - 1 : n + 2], at[n + 2 :]
        odds = slope * self.log_odds + stake * self.log_stakes
        odds += (shifts + self.middle * (1 - slope))[:, None]
        np.exp(np.minimum(odds, _MOST_LOG_ODDS, out=odds), out=odds)
        probs = np.concatenate([np.ones((1, odds.shape[1])), odds]) / (1 + odds.sum(axis=0))
        known, share = self.seen.copy(), float(expit(complete))
        known[PASSED + 1 :] *= np.where(self.is_unreported, 1 - share * self.shares, 1.0)
        known[PASSED + 1 :, self.is_report] *= share
        estimated = self._estimated(of_rates)
        for lane, rows in self.answered.items():
            rates = np.clip(estimated.get(lane, self._rates(lane)), _LEAST, 1.0)
            known[:, rows] *= rates[:, self.population.taken[rows]]
        return probs, known

    def posterior(self, at: Floats) -> Floats:
        """Return the probs after all that is known."""
        probs, known = self.joint(at)
        found: Floats = probs * known
        found /= np.maximum(found.sum(axis=0), _TINY)
        return found

    def _estimated(self, of_rates: Floats) -> dict[str, Floats]:
        """Return the rates (n_labels, n_labels) by lane."""
        shaped = of_rates.reshape(len(self.lanes), self.n_labels, self.n_labels - 1)
        firsts = np.zeros((self.n_labels, 1))
        return {
            lane: softmax(np.concatenate([firsts, one], axis=1), axis=1)
            for lane, one in zip(self.lanes, shaped, strict=True)
        }

    def negative(self, at: Floats) -> tuple[float, Floats]:
        """Return minus the log of the posterior density, and its gradient (p,)."""
        n, used = self.n_labels, self.used
        probs, known = self.joint(at)
        sums = np.maximum((probs * known).sum(axis=0), _TINY)
        after = probs * known / sums
        off = ((after - probs) * used)[PASSED + 1 :]
        frauds = after[PASSED + 1 :].sum(axis=0) * used
        share = float(expit(at[n + 1]))
        late = self.shares * share * (1 - share) / np.maximum(1 - share * self.shares, _LEAST)
        complete = (1 - share) * frauds[self.is_report].sum() - (frauds * late)[self.is_unreported].sum()
        of_slope = float((off * (self.log_odds - self.middle)).sum())
        of_model = [*off.sum(axis=1), of_slope, float(off.sum(axis=0) @ self.log_stakes), complete]
        rates = self._estimated(at[n + 2 :])
        gradient = np.concatenate(
            [of_model, *[self._of_rates(lane, after, one) for lane, one in rates.items()]]
        )
        value, of_prior = self._prior(at)
        return -float(np.log(sums[used]).sum()) - value, -gradient - of_prior

    def _of_rates(self, lane: str, after: Floats, rates: Floats) -> Floats:
        """Return the gradient of the log-odds of the rates of a lane."""
        rows = self.answered[lane][self.used[self.answered[lane]]]
        counts = after[:, rows] @ np.eye(self.n_labels)[self.population.taken[rows]]
        return _of_odds(counts, rates)

    def _prior(self, at: Floats) -> tuple[float, Floats]:
        """Return the log of the prior density and its gradient (p,); shares and rates as counts of cases."""
        n = self.n_labels
        spreads = np.array([SHIFT_SD] * (n - 1) + [SLOPE_SD, STAKE_SD])
        off = (at[: n + 1] - self.start[: n + 1]) / spreads
        counts = (COMPLETE * N_COMPLETE, (1 - COMPLETE) * N_COMPLETE) if self.is_delay_known else (1.0, 1.0)
        share = float(expit(at[n + 1]))
        value = -float(off @ off) / 2 + counts[0] * np.log(share) + counts[1] * np.log1p(-share)
        gradient = [-off / spreads, [counts[0] * (1 - share) - counts[1] * share]]
        for lane, rates in self._estimated(at[n + 2 :]).items():
            answers = np.asarray(self.population.rate_counts[lane])[:, None] * self._rates(lane)
            value += float((answers * np.log(np.maximum(rates, _TINY))).sum())
            gradient.append(_of_odds(answers, rates))
        return value, np.concatenate(gradient)


def _of_odds(counts: Floats, rates: Floats) -> Floats:
    """Return the gradient of sum(counts * log(rates)) by the log-odds of the rates against the first."""
    found: Floats = (counts - counts.sum(axis=1, keepdims=True) * rates)[:, 1:].ravel()
    return found


def recalibrate(population: Population) -> Recalibration:
    """Return the posterior of the parameters, normal around its mode (Laplace's approximation).

    Its variance is raised by the design effect of clusters: ten frauds of one customer say less than ten of
    ten customers.
    """
    likelihood = Likelihood(population)
    options = {"gtol": 1e-3, "maxiter": 500}
    mode = minimize(likelihood.negative, likelihood.start, jac=True, method="BFGS", options=options).x
    gradients = [
        [likelihood.negative(mode + way * step)[1] for way in (-1, 1)] for step in _STEP * np.eye(len(mode))
    ]
    curvature = np.array([(after - before) / (2 * _STEP) for before, after in gradients])
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    used = likelihood.used
    off = (likelihood.joint(mode)[0] - likelihood.posterior(mode))[PASSED, used]
    effect = cluster_effect(off, np.ones(len(off)), population.clusters[used])
    return Recalibration(likelihood, mode, vectors * np.sqrt(effect / np.maximum(values, _LEAST)))
