"""The posterior: weights each vote by its annotator's accuracy, and adds the model's prediction.

Expectation maximisation after [dawidskene1979] estimates three things together: how annotators answer
(`goldloop.consensus.answer_model`), how far to trust the model (`goldloop.consensus.prior_view`), and the
labels.
"""

from __future__ import annotations

import numpy as np

from goldloop.consensus.answer_model import LEANS, Answering
from goldloop.consensus.beliefs import Beliefs, Fit, normalised, with_decisions
from goldloop.consensus.prior_view import PriorView
from goldloop.consensus.votes import Floats, VoteTable

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
        prior, appearance = with_decisions(seen, table), _appearance(answering.shared)
        beliefs = Beliefs(table, prior, np.log(likelihood), appearance)
        before, truth = truth, beliefs.posterior()
        if np.abs(truth - before).sum() <= TOLERANCE * len(truth):
            break
        answering = answering.updated(seen, beliefs.looks(), likelihood)
        view = view.updated(truth)
    return _fit(beliefs, answering, seen)


def _appearance(shared: Floats) -> Floats:
    """Return P(look | true label): some samples look like another label to all annotators."""
    appearance: Floats = (1 - MISTAKES_ALIKE) * np.eye(len(shared)) + MISTAKES_ALIKE * shared
    return appearance


def _fit(beliefs: Beliefs, answering: Answering, seen: Floats) -> Fit:
    """Return the fit; `leans` follows the model, whose own errors come from the posterior."""
    followed = normalised(beliefs.posterior().T @ seen + answering.popularity)
    typical, leans = answering.typical()
    of_annotator = answering.matrices() + answering.sources[:, LEANS, None, None] * followed
    return Fit(
        beliefs=beliefs,
        typical=typical,
        guess=leans * seen,
        confusion=beliefs.appearance @ (typical + leans * followed),
        matrices=beliefs.appearance @ of_annotator,
    )
