"""The posterior: votes weighed by how people err, with the model's word, by expectation maximisation."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from goldloop.beliefs import PRIOR_ACCURACY, Beliefs, clamped, popularity
from goldloop.votes import Floats, VoteTable

PRIOR_VOTES = 10.0
"""Votes by true label that the prior is worth."""

MAX_ROUNDS = 200
TOLERANCE = 1e-5


def posterior(table: VoteTable) -> Beliefs:
    """Return the beliefs that expectation maximisation reaches with one confusion matrix for everybody."""
    n_labels, members = len(table.labels), table.votes_of_cases()
    votes_by_label = popularity(table)
    shares: Floats = votes_by_label
    guess = PRIOR_ACCURACY * np.eye(n_labels) + (1 - PRIOR_ACCURACY) * votes_by_label
    confusion: Floats = guess
    states: Floats = np.zeros((table.n_cases, n_labels))
    for _ in range(MAX_ROUNDS):
        log_prior = np.where(table.has_probs[:, None], np.log(table.probs + 1e-9), np.log(shares))
        log_votes = np.log(confusion).T[table.label]
        before = states
        states = clamped(softmax(log_prior + members @ log_votes, axis=1), table)
        if np.abs(states - before).max(initial=0) < TOLERANCE:
            break
        tally = _tally(table, states) + PRIOR_VOTES * guess
        confusion = tally / tally.sum(axis=1, keepdims=True)
        free = states[~table.has_probs]
        shares = (free.sum(axis=0) + n_labels * votes_by_label) / (len(free) + n_labels)
    matrices = np.tile(confusion, (len(table.annotators), 1, 1))
    return Beliefs(table, log_prior, log_votes, confusion, confusion, matrices)


def _tally(table: VoteTable, states: Floats) -> Floats:
    """Return expected votes (n_labels, n_labels) by truth and answer."""
    answers = np.eye(len(table.labels))[table.label]
    tally: Floats = states[table.case].T @ answers
    return tally
