"""The posterior: weights each vote by its annotator's accuracy, and adds the model's prediction.

Expectation maximisation after [dawidskene1979] estimates three things together: how annotators answer
(`goldloop.consensus.answer_model`), how far to trust the model (`PriorView`), and the
labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from goldloop.consensus.answer_model import Answering, typical
from goldloop.consensus.beliefs import Beliefs, Fit
from goldloop.consensus.estimates import Estimates, basis_of, estimates_text, read_estimates
from goldloop.consensus.settled_votes import settled_votes
from goldloop.consensus.vote_arrays import VoteArrays
from goldloop.consensus.votes import Floats, VoteTable
from goldloop.core.ports import DerivedText
from goldloop.stats.calibration import TEMPERATURE_RANGE

MISTAKES_ALIKE = 0.2
"""Share of errors that all annotators make alike, because the sample looks like another label to all.

Votes cannot reveal these samples, so the fit cannot learn this parameter; it limits the certainty that
agreement can give. On real answers with known true labels (docs/decisions/0009), 0.06 explains the votes
best, and 0.2 gives the best calibrated probabilities.
"""

MAX_ROUNDS = 200
TOLERANCE = 3e-5
"""The iteration ends when the posteriors change by less than this on average."""

RELEASE = "posterior 1"
"""Names the formulas; estimates that were kept under another name are made anew."""

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
    n_samples: int
    popularity: Floats
    sharpness: float
    bias: Floats
    shares: Floats

    @classmethod
    def of(cls, votes: VoteArrays, popularity: Floats) -> Self:
        """Return the view with the model's probs unchanged and the label frequencies of the votes."""
        probs = votes.table.probs[votes.order[: votes.n_probs]]
        log_probs = log_softmax(np.log(np.maximum(probs, LEAST_PROB)), axis=1).T.copy()
        n_samples = votes.table.n_samples
        return cls(log_probs, n_samples, popularity, 1.0, np.zeros(len(popularity)), popularity)

    @property
    def n_probs(self) -> int:
        """Number of samples with a prediction, which come first."""
        return int(self.log_probs.shape[1])

    def as_known(self, known: Estimates) -> PriorView:
        """Return the view with the estimates that are `known`."""
        return replace(self, sharpness=known.sharpness, bias=known.bias, shares=known.shares)

    def prior(self) -> Floats:
        """Return P(label), shape (K, n_samples), columns summing to 1."""
        prior = np.empty((len(self.popularity), self.n_samples))
        seen = prior[:, : self.n_probs]
        np.multiply(self.log_probs, self.sharpness, out=seen)
        seen += self.bias[:, None]
        np.exp(seen, out=seen)  # logarithms of at least LEAST_PROB: neither end of the floats is near
        seen /= seen.sum(axis=0)
        prior[:, self.n_probs :] = self.shares[:, None]
        return prior

    def updated(self, seen: Floats, truth: Floats) -> PriorView:
        """Return the view after one Newton step from `seen`, its prior, towards `truth`, (K, n_samples)."""
        n_labels = len(self.popularity)
        free = truth[:, self.n_probs :]
        shares = (free.sum(axis=1) + n_labels * self.popularity) / (free.shape[1] + n_labels)
        if not self.n_probs:
            return replace(self, shares=shares)
        step = self._newton_step(seen[:, : self.n_probs], truth[:, : self.n_probs])
        step *= min(1.0, LARGEST_STEP / max(np.abs(step).max(), LARGEST_STEP))
        low, high = (1 / temperature for temperature in reversed(TEMPERATURE_RANGE))
        sharpness = float(np.clip(self.sharpness + step[0], low, high))
        return replace(self, sharpness=sharpness, bias=self.bias + step[1:], shares=shares)

    def _newton_step(self, view: Floats, truth: Floats) -> Floats:
        weighted = view * self.log_probs
        mean = weighted.sum(axis=0)
        missed = truth - view
        precision_t, precision_b = SPREAD_LOG_T**-2, SPREAD_BIAS**-2
        slope: Floats = np.zeros(1 + len(self.bias))
        slope[0] = np.vdot(missed, self.log_probs) - precision_t * np.log(self.sharpness) / self.sharpness
        slope[1:] = missed.sum(axis=1) - precision_b * self.bias
        curve = np.zeros((len(slope), len(slope)))
        curve[0, 0] = np.vdot(weighted, self.log_probs) - mean @ mean + precision_t / self.sharpness**2
        curve[0, 1:] = curve[1:, 0] = weighted.sum(axis=1) - view @ mean
        curve[1:, 1:] = np.diag(view.sum(axis=1) + precision_b) - view @ view.T
        return np.asarray(np.linalg.solve(curve, slope), dtype=np.float64)


def posterior(table: VoteTable, kept: DerivedText | None = None) -> Fit:
    """Return the fit of `table` by the estimates of its settled votes.

    The estimates are read from `kept` where they are of the same votes, and else written to it.
    """
    with threadpool_limits(1):  # products of so few labels gain nothing from threads
        settled = settled_votes(table)
        if kept is None or settled is table:
            return posterior_by(estimate(settled), table)
        basis = basis_of(settled, RELEASE)
        estimates = read_estimates(kept.read(), basis)
        if estimates is None:
            estimates = estimate(settled)
            kept.save(estimates_text(estimates, basis))
        return posterior_by(estimates, table)


def estimate(table: VoteTable) -> Estimates:
    """Return the estimates of expectation maximisation, started from the priors."""
    votes = VoteArrays.of(table)
    answering = Answering.prior(votes)
    view = PriorView.of(votes, answering.popularity)
    truth = np.zeros((len(table.labels), table.n_samples))
    for number in range(MAX_ROUNDS):
        seen = view.prior()
        prior = votes.with_decisions(seen)
        likelihood = answering.likelihood(seen)
        appearance = appearance_of(answering.shared)
        evidence = votes.evidence(likelihood)
        before, truth = truth, _shares(prior * (appearance @ evidence))
        before -= truth
        if number == MAX_ROUNDS - 1 or np.abs(before, out=before).sum() <= TOLERANCE * table.n_samples:
            break
        answering = answering.updated(seen, _shares(evidence * (appearance.T @ prior)), likelihood)
        view = view.updated(seen, truth)
    return Estimates(
        annotators=table.annotators,
        votes=np.bincount(table.annotator[~table.is_on_sheet], minlength=len(table.annotators)),
        popularity=answering.popularity,
        accuracy=answering.accuracy,
        adoption=answering.adoption,
        shared=answering.shared,
        own=answering.own,
        sources=answering.sources,
        habits=answering.habits,
        sharpness=view.sharpness,
        bias=view.bias,
        shares=view.shares,
    )


def posterior_by(estimates: Estimates, table: VoteTable) -> Fit:
    """Return the fit of `table` by known `estimates`; that of each sample depends on its own votes alone."""
    votes = VoteArrays.of(table)
    answering = Answering.of(votes, estimates)
    seen = PriorView.of(votes, estimates.popularity).as_known(estimates).prior()
    prior, likelihood = votes.with_decisions(seen), answering.likelihood(seen)
    appearance = appearance_of(answering.shared)
    beliefs = Beliefs(table, prior[:, votes.place].T, np.log(likelihood).T, appearance)
    answers, leans = typical(estimates)
    return Fit(beliefs, answers, leans * seen[:, votes.place].T, estimates)


def appearance_of(shared: Floats) -> Floats:
    """Return P(look | true label), (K, K): what a sample looks like to all annotators."""
    matrix: Floats = (1 - MISTAKES_ALIKE) * np.eye(len(shared)) + MISTAKES_ALIKE * shared
    return matrix


def _shares(joint: Floats) -> Floats:
    """Return `joint` (K, n_samples) with columns that sum to 1; its memory is used again."""
    joint /= joint.sum(axis=0)
    return joint
