"""Majority: every vote has the same weight, and the model's prediction has none."""

from __future__ import annotations

import numpy as np

from goldloop.consensus.beliefs import Beliefs, Fit, with_decisions
from goldloop.consensus.votes import VoteTable

ACCURACY = 0.9
"""Assumed accuracy of every annotator."""


def equal_weights(table: VoteTable) -> Fit:
    """Return the fit under equally accurate annotators and equally common labels.

    The label with the most votes is then the likeliest.
    """
    n_labels = len(table.labels)
    confusion = ACCURACY * np.eye(n_labels) + (1 - ACCURACY) / n_labels
    beliefs = Beliefs(
        table=table,
        prior=with_decisions(np.full((table.n_samples, n_labels), 1 / n_labels), table),
        log_votes=np.log(confusion).T[table.label],
        appearance=np.eye(n_labels),
    )
    matrices = np.tile(confusion, (len(table.annotators), 1, 1))
    return Fit(beliefs, confusion, np.zeros(beliefs.prior.shape), confusion, matrices)
