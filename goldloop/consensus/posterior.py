"""The posterior: votes weighed by who gave them and how people err, with the model's word.

Expectation maximisation after [dawidskene1979] for three things at once: how people answer
(`goldloop.consensus.answer_model`), what the model's word is worth (`goldloop.consensus.prior_view`), and the
labels.
"""

from __future__ import annotations

import numpy as np

from goldloop.consensus.answer_model import LEANS, Answering
from goldloop.consensus.beliefs import Beliefs, Fit, normalised, with_decisions
from goldloop.consensus.prior_view import PriorView
from goldloop.consensus.votes import Floats, VoteTable

MISTAKES_ALIKE = 0.2
"""Share of people's mistakes that everybody makes alike: the sample looks like another label to all.

Votes cannot tell such a sample from one that is what it looks like, so this is no parameter that could be
learnt from them; it bounds what agreement can prove. Measured on real answers with known truth
(docs/decisions/0009): 0.06 explains the votes best, 0.2 gives the truest probabilities.
"""

MAX_ROUNDS = 200
TOLERANCE = 3e-5
"""Rounds end when the posteriors move by less than this on average."""


def posterior(table: VoteTable) -> Fit:
    """Return what expectation maximisation reaches from the priors."""
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
    """Return P(look | truth): what one person mistakes, some samples make everybody mistake."""
    appearance: Floats = (1 - MISTAKES_ALIKE) * np.eye(len(shared)) + MISTAKES_ALIKE * shared
    return appearance


def _fit(beliefs: Beliefs, answering: Answering, seen: Floats) -> Fit:
    """Return the fit; whoever leans follows the model, whose own mistakes are read off the posterior."""
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
