"""The posterior: weights each vote by its annotator's accuracy, and adds the model's prediction.

Expectation maximisation after [dawidskene1979] estimates three things together: how annotators answer
(`goldloop.consensus.answer_model`), how far to trust the model (`PriorView`), and the
labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import log_softmax, softmax

from goldloop.consensus.answer_model import Answering
from goldloop.consensus.beliefs import Beliefs, Fit, with_decisions
from goldloop.consensus.votes import Floats, VoteTable
from goldloop.stats.calibration import TEMPERATURE_RANGE
from goldloop.stats.metrics import Flags

MISTAKES_ALIKE = 0.2
"""Share of errors that all annotators make alike, because the sample looks like another label to all.

Votes cannot reveal these samples, so the fit cannot learn this parameter; it limits the certainty that
agreement can give. On real answers with known true labels (docs/decisions/0009), 0.06 explains the votes
best, and 0.2 gives the best calibrated probabilities.
"""

MAX_ROUNDS = 200
TOLERANCE = 3e-5
"""The iteration ends when the posteriors change by less than this on average."""

LEAST_PROB = 1e-4
"""Smallest probability that a model's prediction counts with: no model can rule a label out."""

SPREAD_LOG_T = 0.05
"""Prior standard deviation of the logarithm of the temperature, around T = 1.

A calibration on a few hundred audit samples leaves this uncertainty. With one vote a sample, a surer model
with worse annotators explains the votes as well as the reverse: under a wide prior, the fit trusted the model
alone (confidence 0.999 instead of the right 0.82, on simulated answers).
"""

SPREAD_BIAS = 0.1
"""Prior standard deviation of each label's bias in nats, around 0."""

LARGEST_STEP = 0.5


@dataclass(frozen=True, slots=True)
class PriorView:
    """P(label) of each sample before any vote.

    With a model: softmax(`sharpness` x log probs + `bias`). A model trained on annotators' answers is
    calibrated to the answers, not to the true labels; several votes on the same samples show the difference,
    and the fit adapts both parameters. Without a model: `shares`, the label frequencies of these samples.
    """

    log_probs: Floats
    has_probs: Flags
    popularity: Floats
    sharpness: float
    bias: Floats
    shares: Floats

    @classmethod
    def of(cls, table: VoteTable, popularity: Floats) -> Self:
        """Return the view with the model's probs unchanged and the label frequencies of the votes."""
        has_probs = ~np.isnan(table.probs[:, 0])
        known = np.where(has_probs[:, None], table.probs, 1.0)
        log_probs = log_softmax(np.log(np.maximum(known, LEAST_PROB)), axis=1)
        return cls(log_probs, has_probs, popularity, 1.0, np.zeros(len(popularity)), popularity)

    def prior(self) -> Floats:
        """Return P(label), shape (n_samples, K), rows summing to 1."""
        seen = softmax(self.sharpness * self.log_probs + self.bias, axis=1)
        view: Floats = np.where(self.has_probs[:, None], seen, self.shares)
        return view

    def updated(self, truth: Floats) -> PriorView:
        """Return the view after one Newton step towards the label probabilities `truth` (n_samples, K)."""
        n_labels = len(self.popularity)
        free = truth[~self.has_probs]
        shares = (free.sum(axis=0) + n_labels * self.popularity) / (len(free) + n_labels)
        if not self.has_probs.any():
            return replace(self, shares=shares)
        step = self._newton_step(self.log_probs[self.has_probs], truth[self.has_probs])
        step *= min(1.0, LARGEST_STEP / max(np.abs(step).max(), LARGEST_STEP))
        low, high = (1 / temperature for temperature in reversed(TEMPERATURE_RANGE))
        sharpness = float(np.clip(self.sharpness + step[0], low, high))
        return replace(self, sharpness=sharpness, bias=self.bias + step[1:], shares=shares)

    def _newton_step(self, log_probs: Floats, truth: Floats) -> Floats:
        view = softmax(self.sharpness * log_probs + self.bias, axis=1)
        mean = (view * log_probs).sum(axis=1)
        precision_t, precision_b = SPREAD_LOG_T**-2, SPREAD_BIAS**-2
        slope: Floats = np.zeros(1 + len(self.bias))
        slope[0] = ((truth - view) * log_probs).sum() - precision_t * np.log(self.sharpness) / self.sharpness
        slope[1:] = (truth - view).sum(axis=0) - precision_b * self.bias
        curve = np.zeros((len(slope), len(slope)))
        curve[0, 0] = (view * log_probs**2).sum() - (mean**2).sum() + precision_t / self.sharpness**2
        curve[0, 1:] = curve[1:, 0] = (view * (log_probs - mean[:, None])).sum(axis=0)
        curve[1:, 1:] = np.diag(view.sum(axis=0) + precision_b) - view.T @ view
        return np.asarray(np.linalg.solve(curve, slope), dtype=np.float64)


def posterior(table: VoteTable) -> Fit:
    """Return the fit of expectation maximisation, started from the priors."""
    answering = Answering.prior(table)
    view = PriorView.of(table, answering.popularity)
    truth = np.zeros(table.probs.shape)
    for _ in range(MAX_ROUNDS):
        seen = view.prior()
        likelihood = answering.likelihood(seen)
        appearance = (1 - MISTAKES_ALIKE) * np.eye(len(table.labels)) + MISTAKES_ALIKE * answering.shared
        beliefs = Beliefs(table, with_decisions(seen, table), np.log(likelihood), appearance)
        before, truth = truth, beliefs.posterior()
        if np.abs(truth - before).sum() <= TOLERANCE * len(truth):
            break
        answering = answering.updated(seen, beliefs.looks(), likelihood)
        view = view.updated(truth)
    typical, leans = answering.typical()
    return Fit(beliefs, typical, leans * seen)
