"""Beliefs: what fitted parameters say of each case, of a case without one vote, and of one more vote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from goldloop.votes import NONE, Floats, VoteTable

PRIOR_ACCURACY = 0.9
"""How often people are taken to be right before there is evidence."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Posterior over labels with all parameters held fixed.

    `log_prior` (n_cases, n_states) is what is believed before any vote, `log_votes` (n_votes, n_states) what
    each vote adds; both up to a constant a row. A state is a label, or a label with a difficulty: state s is
    label s mod n_labels. `confusion` (n_labels, n_labels) is P(answer | truth), row the truth, of somebody
    typical; `typical` (n_states, n_labels) the same by state; `matrices` (n_annotators, n_labels, n_labels)
    that of each annotator.
    """

    table: VoteTable
    log_prior: Floats
    log_votes: Floats
    confusion: Floats
    typical: Floats
    matrices: Floats

    def _labels_of(self, states: Floats) -> Floats:
        n_labels = len(self.table.labels)
        folded: Floats = states.reshape(len(states), states.shape[1] // n_labels, n_labels).sum(axis=1)
        return folded

    def _states(self) -> Floats:
        evidence = self.log_prior + self.table.votes_of_cases() @ self.log_votes
        return clamped(softmax(evidence, axis=1), self.table)

    def posterior(self) -> Floats:
        """Return the posterior of all cases, shape (n_cases, n_labels), rows summing to 1."""
        return self._labels_of(self._states())

    def without(self, case: int, annotator: str) -> Floats:
        """Return the posterior of `case` from everything but the vote of `annotator`, shape (n_labels,)."""
        table = self.table
        kept = table.case == case
        if annotator in table.annotators:
            kept &= table.annotator != table.annotators.index(annotator)
        states: Floats = softmax(self.log_prior[case] + self.log_votes[kept].sum(axis=0))
        if table.decision[case] != NONE:
            states = np.eye(len(table.labels))[table.decision[case]]
        believed: Floats = self._labels_of(states[None])[0]
        return believed

    def gains(self) -> Floats:
        """Return E[largest posterior after one more typical vote] - largest posterior now, shape (n_cases,).

        In [0, 1]: the chance that the vote brings that the label is right, expected value of information
        under 0-1 loss [howard1966]. 0 where an adjudicator has decided.
        """
        states = self._states()
        after = np.zeros(self.table.n_cases)
        for answer in range(len(self.table.labels)):
            after += self._labels_of(states * self.typical[:, answer]).max(axis=1)
        gain = after - self._labels_of(states).max(axis=1)
        open_gain: Floats = np.where(self.table.decision == NONE, np.maximum(gain, 0), 0.0)
        return open_gain


def clamped(states: Floats, table: VoteTable) -> Floats:
    """Return `states` with all weight of decided cases on the states of the decided label."""
    decided = np.flatnonzero(table.decision != NONE)
    n_labels = len(table.labels)
    label_of_state = np.arange(states.shape[1]) % n_labels
    is_decided = label_of_state == table.decision[decided, None]
    kept = np.where(is_decided, states[decided] + np.finfo(float).tiny, 0)
    states[decided] = kept / kept.sum(axis=1, keepdims=True)
    return states


def popularity(table: VoteTable) -> Floats:
    """Return each label's share of the votes, one vote for each label added, shape (n_labels,)."""
    n_labels = len(table.labels)
    shares: Floats = (np.bincount(table.label, minlength=n_labels) + 1) / (table.n_votes + n_labels)
    return shares


def equal_weights(table: VoteTable) -> Beliefs:
    """Return the beliefs of somebody who counts every vote alike and asks no model."""
    n_labels = len(table.labels)
    confusion = PRIOR_ACCURACY * np.eye(n_labels) + (1 - PRIOR_ACCURACY) / n_labels
    return Beliefs(
        table=table,
        log_prior=np.zeros((table.n_cases, n_labels)),
        log_votes=np.log(confusion).T[table.label],
        confusion=confusion,
        typical=confusion,
        matrices=np.tile(confusion, (len(table.annotators), 1, 1)),
    )
