"""Dawid-Skene: one confusion matrix for each annotator, no model [dawidskene1979]."""

from __future__ import annotations

import numpy as np

from goldloop.consensus.beliefs import Beliefs, Fit, normalised, with_decisions
from goldloop.consensus.votes import VoteTable

SMOOTHING = 0.1
"""Prior votes in each cell of a matrix, so that an answer not seen before is not taken for impossible."""

MAX_ROUNDS = 200
TOLERANCE = 1e-5


def dawid_skene(table: VoteTable) -> Fit:
    """Return the fit of expectation maximisation, started from the shares of the votes.

    All samples together give the matrices and the label shares; an adjudicator's decision is the true label.
    """
    counts = table.counts()
    truth = with_decisions(normalised(counts + (counts.sum(axis=1, keepdims=True) == 0)), table)
    for _ in range(MAX_ROUNDS):
        shares = normalised(truth.sum(axis=0) + SMOOTHING)
        tally = table.tally(truth[table.sample])
        matrices = normalised(tally + SMOOTHING)
        beliefs = Beliefs(
            table=table,
            prior=with_decisions(np.tile(shares, (table.n_samples, 1)), table),
            log_votes=np.log(matrices[table.annotator, :, table.label]),
            appearance=np.eye(len(table.labels)),
        )
        before, truth = truth, beliefs.posterior()
        if np.abs(truth - before).max(initial=0) < TOLERANCE:
            break
    return Fit(beliefs, normalised(tally.sum(axis=0) + SMOOTHING), np.zeros(counts.shape))
