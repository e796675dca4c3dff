"""Dawid-Skene: one confusion matrix for each annotator, no model [dawidskene1979]."""

from __future__ import annotations

import numpy as np

from goldloop.consensus.beliefs import Beliefs, Fit, normalised, with_decisions
from goldloop.consensus.votes import Floats, VoteTable

SMOOTHING = 0.1
"""Prior votes in each cell of a matrix, so that an answer not seen before is not taken for impossible."""

MAX_ROUNDS = 200
TOLERANCE = 1e-5


def dawid_skene(table: VoteTable) -> Fit:
    """Return the fit of expectation maximisation, started from the shares of the votes.

    All samples together give the matrices and the label shares; an adjudicator's decision is the true label.
    """
    counts, n_labels = table.counts(), len(table.labels)
    truth = with_decisions(normalised(counts + (counts.sum(axis=1, keepdims=True) == 0)), table)
    for _ in range(MAX_ROUNDS):
        shares = normalised(truth.sum(axis=0) + SMOOTHING)
        tally = _tally(table, truth)
        matrices = normalised(tally + SMOOTHING)
        beliefs = Beliefs(
            table=table,
            prior=with_decisions(np.tile(shares, (table.n_samples, 1)), table),
            log_votes=np.log(matrices[table.annotator, :, table.label]),
            appearance=np.eye(n_labels),
        )
        before, truth = truth, beliefs.posterior()
        if np.abs(truth - before).max(initial=0) < TOLERANCE:
            break
    typical = normalised(tally.sum(axis=0) + SMOOTHING)
    return Fit(beliefs, typical, np.zeros(counts.shape), typical, matrices)


def _tally(table: VoteTable, truth: Floats) -> Floats:
    """Return expected votes (n_annotators, n_labels, n_labels) by annotator, true label and answer."""
    n_labels, n_annotators = len(table.labels), len(table.annotators)
    cells = np.zeros((n_annotators * n_labels, n_labels))
    np.add.at(cells, table.annotator * n_labels + table.label, truth[table.sample])
    return cells.reshape(n_annotators, n_labels, n_labels).transpose(0, 2, 1)
