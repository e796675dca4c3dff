"""Majority: every vote counts alike, and no model is asked."""

from __future__ import annotations

import numpy as np

from goldloop.consensus.beliefs import Beliefs, Fit, with_decisions
from goldloop.consensus.votes import VoteTable

ACCURACY = 0.9
"""How often everybody is taken to be right."""


def equal_weights(table: VoteTable) -> Fit:
    """Return the beliefs of somebody who takes everybody to be right equally often, and all labels as likely.

    The label with most votes is then the likeliest.
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
