"""Beliefs: posteriors under fitted parameters, with all votes, without one vote, and after one more vote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goldloop.consensus.estimates import Estimates
from goldloop.consensus.votes import Floats, VoteTable, sums


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Posterior over labels with all parameters held fixed; K labels.

    `prior` (n_samples, K) is the probability of each label before any vote; an adjudicator's decision has
    probability 1. A sample's look is the label that it resembles to all annotators: `log_votes` (n_votes, K)
    is log P(vote | look), and `appearance` (K, K), row the true label, is P(look | true label).
    """

    table: VoteTable
    prior: Floats
    log_votes: Floats
    appearance: Floats

    def evidence(self) -> Floats:
        """Return P(votes | look), (n_samples, K), up to one factor for each row."""
        summed = sums(self.log_votes, self.table.sample, self.table.n_samples)
        evidence: Floats = np.exp(summed - summed.max(axis=1, keepdims=True))
        return evidence

    def truth(self, evidence: Floats) -> Floats:
        """Return P(votes, true label), (n_samples, K), up to the same factors as `evidence`."""
        joint: Floats = self.prior * (evidence @ self.appearance.T)
        return joint

    def posterior(self) -> Floats:
        """Return the posterior of all samples, shape (n_samples, K), rows summing to 1."""
        return normalised(self.truth(self.evidence()))

    def looks(self) -> Floats:
        """Return the posterior of each sample's look, shape (n_samples, K)."""
        return normalised(self.evidence() * (self.prior @ self.appearance))

    def without(self, sample: int, annotator: str) -> Floats:
        """Return the posterior of `sample` without the vote of `annotator`, shape (K,)."""
        first, last = np.searchsorted(self.table.sample, [sample, sample + 1])
        is_other = [self.table.annotators[who] != annotator for who in self.table.annotator[first:last]]
        summed = self.log_votes[first:last][is_other].sum(axis=0)
        evidence = np.exp(summed - summed.max())
        return normalised(self.prior[sample] * (self.appearance @ evidence))


@dataclass(frozen=True, slots=True)
class Fit:
    """Beliefs, and how a typical annotator answers.

    One more typical answer has the probabilities `typical` (K, K), row the look, plus `guess` (n_samples, K);
    together they sum to 1. `estimates` are those that the beliefs rest on, None where the method has none to
    keep.
    """

    beliefs: Beliefs
    typical: Floats
    guess: Floats
    estimates: Estimates | None = None

    def gains(self) -> Floats:
        """Return by how much one more typical vote lowers the expected Brier score, shape (n_samples,).

        In [0, 1]; the expected value of information [howard1966] under squared error. Under 0-1 loss, the
        value would be 0 for every sample that needs two more votes to change its label. 0 where an
        adjudicator has decided.
        """
        evidence = self.beliefs.evidence()
        now = self.beliefs.truth(evidence)
        total = now.sum(axis=1)
        after = np.zeros(self.beliefs.table.n_samples)
        for answer in range(len(self.beliefs.table.labels)):
            joint = self.beliefs.truth(evidence * (self.typical[:, answer] + self.guess[:, [answer]]))
            chance = joint.sum(axis=1)
            after += (joint**2).sum(axis=1) / np.maximum(chance * total, np.finfo(float).tiny)
        gain = np.maximum(after - ((now / total[:, None]) ** 2).sum(axis=1), 0)
        undecided: Floats = np.where(self.beliefs.table.is_decided, 0, gain)
        return undecided


def normalised(joint: Floats) -> Floats:
    """Return `joint` with the last axis summing to 1."""
    shares: Floats = joint / joint.sum(axis=-1, keepdims=True)
    return shares


def with_decisions(prior: Floats, table: VoteTable) -> Floats:
    """Return `prior` with probability 1 for each label that an adjudicator has decided."""
    decided = table.is_decided[:, None]
    clamped: Floats = np.where(decided, np.arange(prior.shape[1]) == table.decision[:, None], prior)
    return clamped
