"""Clicks: what it tells of a picture that somebody clicked it on a sheet."""

from __future__ import annotations

import numpy as np

from goldloop.core.probs import Probs
from goldloop.stats.metrics import Columns, Floats

FALSE_ALARMS = 0.01
"""Share of right suggestions that are clicked by a slip of the hand."""


def probs_after_clicks(
    probs: Probs, suggested: Columns, missed: Floats, *, false_alarms: float = FALSE_ALARMS
) -> Probs:
    """Return P(label) of n clicked pictures, (n, n_labels), by Bayes' rule from the model's `probs`.

    `suggested` (n,) are the columns of the labels they were shown as, `missed` (n,) the shares of wrong
    suggestions that those who clicked overlook, `false_alarms` the share of right ones that are clicked.
    Without it, a model that is sure and wrong outvotes the people who correct it.

    >>> after = probs_after_clicks(np.array([[0.9, 0.1]]), np.array([0]), np.array([0.1]))
    >>> after.round(3).tolist()
    [[0.091, 0.909]]
    """
    likelihood = np.repeat(1 - missed[:, None], probs.shape[1], axis=1)
    likelihood[np.arange(len(probs)), suggested] = false_alarms
    joint = probs * likelihood
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))
