"""The posterior: weights each vote by its annotator's accuracy, and adds the model's prediction.

Expectation maximisation after [dawidskene1979] estimates three things together: how annotators answer
(`goldloop.consensus.answer_model`), how far to trust the model (`goldloop.consensus.prior_view`), and the
labels.
"""

from __future__ import annotations

import numpy as np

from goldloop.consensus.answer_model import Answering
from goldloop.consensus.beliefs import Beliefs, Fit, with_decisions
from goldloop.consensus.prior_view import PriorView
from goldloop.consensus.votes import VoteTable

MISTAKES_ALIKE = 0.2
"""Share of errors that all annotators make alike, because the sample looks like another label to all.

Votes cannot reveal these samples, so the fit cannot learn this parameter; it limits the certainty that
agreement can give. On real answers with known true labels (docs/decisions/0009), 0.06 explains the votes
best, and 0.2 gives the best calibrated probabilities.
"""

MAX_ROUNDS = 200
TOLERANCE = 3e-5
"""The iteration ends when the posteriors change by less than this on average."""


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
