"""Dawid-Skene: one confusion matrix for each annotator, no model [dawidskene1979]."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from goldloop.beliefs import Beliefs, clamped
from goldloop.votes import Floats, VoteTable

SMOOTHING = 0.1
"""Votes each cell of a matrix has before any evidence: a label somebody never met must not count as proof."""

MAX_ROUNDS = 200
TOLERANCE = 1e-5


def dawid_skene(table: VoteTable) -> Beliefs:
    """Return the beliefs that expectation maximisation reaches from the shares of the votes.

    Matrices and label shares are estimated from all cases; a decision counts as known.
    """
    n_labels, members = len(table.labels), table.votes_of_cases()
    counts = table.counts()
    states = clamped((counts + 1 / n_labels) / (counts.sum(axis=1, keepdims=True) + 1), table)
    for _ in range(MAX_ROUNDS):
        shares = (states.sum(axis=0) + SMOOTHING) / (len(states) + SMOOTHING * n_labels)
        matrices = _matrices(table, states)
        log_votes = np.log(matrices[table.annotator, :, table.label])
        before = states
        states = clamped(softmax(np.log(shares) + members @ log_votes, axis=1), table)
        if np.abs(states - before).max(initial=0) < TOLERANCE:
            break
    tally = _tally(table, states).sum(axis=0) + SMOOTHING
    confusion = tally / tally.sum(axis=1, keepdims=True)
    log_prior = np.tile(np.log(shares), (table.n_cases, 1))
    return Beliefs(table, log_prior, log_votes, confusion, confusion, matrices)


def _tally(table: VoteTable, states: Floats) -> Floats:
    """Return expected votes (n_annotators, n_labels, n_labels) by annotator, truth and answer."""
    n_labels, n_annotators = len(table.labels), len(table.annotators)
    cells = np.zeros((n_annotators * n_labels, n_labels))
    np.add.at(cells, table.annotator * n_labels + table.label, states[table.case])
    return cells.reshape(n_annotators, n_labels, n_labels).transpose(0, 2, 1)


def _matrices(table: VoteTable, states: Floats) -> Floats:
    tally = _tally(table, states) + SMOOTHING
    smoothed: Floats = tally / tally.sum(axis=2, keepdims=True)
    return smoothed
