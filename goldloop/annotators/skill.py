"""Skill: the accuracy of one annotator, where the true label is known only with some probability.

`others` (n, n_labels) is the probability of each label without this annotator's answer, rows sum to 1; a
known label is a row with a single 1. `answered` (n,) holds the columns answered. `wrong` (n_labels, n_labels)
is the distribution of wrong answers, as `wrong_answers` fits it. The model is Dawid and Skene's with one
accuracy for each annotator [dawidskene1979]: right with probability a, else wrong with the distribution that
all annotators share. `others` is held fixed, so that nobody confirms their own answers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from goldloop.stats.measures import MIN_N, Measure, measured
from goldloop.stats.metrics import wilson

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

NO_REFERENCE = "nothing to compare with"
_EDGE = 1e-9  # accuracies of exactly 0 and 1 make any answer against them impossible
_N_STEPS = 25  # of EM; errors move by less than a thousandth after about ten


def wrong_answers(others: Floats, answered: Columns) -> Floats:
    """Return the distribution of wrong answers over the labels, fitted by EM [dawidskene1979].

    Shape (n_labels, n_labels): rows the true label, summing to 1, the diagonal 0.

    The prior follows the probabilities in `others`, smoothed with a uniform distribution, and has the weight
    of n_labels - 1 answers for each true label. A prior with all wrong labels equally likely would make
    annotators with a common error look right, because they confirm each other.
    """
    n_labels = others.shape[1]
    doubts = np.ones((n_labels, n_labels))
    np.add.at(doubts.T, answered, others)
    prior = (n_labels - 1) * _normalised(doubts)
    fitted, accuracy = _normalised(prior), 0.8
    for _ in range(_N_STEPS if len(answered) else 0):
        counts, accuracy = expected_answers(others, answered, fitted, accuracy)
        fitted = _normalised(counts + prior)
    return fitted


def _normalised(counts: Floats) -> Floats:
    off = counts * (1 - np.eye(len(counts)))
    shares: Floats = off / off.sum(axis=1, keepdims=True)
    return shares


def expected_answers(
    others: Floats, answered: Columns, wrong: Floats, accuracy: float
) -> tuple[Floats, float]:
    """Return the expected counts of answers (columns) by true label (rows), and the share of right answers.

    The counts have shape (n_labels, n_labels) and sum to n. Here the annotator's own answer counts as
    evidence too, because the question is what happened and not how accurate the annotator is.
    """
    rows = np.arange(len(answered))
    right = accuracy * others[rows, answered]
    joint = (1 - accuracy) * others * wrong[:, answered].T
    joint[rows, answered] = right
    total = joint.sum(axis=1, keepdims=True)
    joint = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    counts = np.zeros((others.shape[1], others.shape[1]))
    np.add.at(counts.T, answered, joint)
    return counts, float(joint[rows, answered].mean())


def accuracy_against(others: Floats, answered: Columns, wrong: Floats) -> Measure:
    """Return the maximum-likelihood accuracy with a score interval.

    Where every label is known this is the share of right answers with Wilson's interval [wilson1927].
    Elsewhere n is reduced by the information that is missing about the true labels [louis1982]. That
    information is the observed one, given the answers: the expected information would be biased, because the
    answers decided who else was asked [kenwardmolenberghs1998].

    It needs calibrated `others` and all answers: without those that nobody doubted mainly errors would
    remain.
    """
    n = len(answered)
    if n < MIN_N:
        return Measure(n, None)
    right, unlikely = others[np.arange(n), answered], (others @ wrong)[np.arange(n), answered]
    gap = right - unlikely  # what the answer's probability gains per unit of accuracy
    if np.abs(gap).max() < _EDGE:
        return Measure(n, None, NO_REFERENCE)
    best = _most_likely(lambda accuracy: float((gap / (unlikely + accuracy * gap)).sum()))
    inside = (n * best + 2) / (n + 4)  # off the ends, where nothing could be missing [agresticoull1998]
    is_right = inside * right / (unlikely + inside * gap)
    missing = float((is_right * (1 - is_right)).sum()) / (inside * (1 - inside))
    return measured(best, *wilson(best, max(n - missing, 1.0)), n=n)


def _most_likely(score: Callable[[float], float]) -> float:
    """Return the zero of the decreasing `score` in [0, 1], or the end that is nearest to it."""
    if score(_EDGE) <= 0:
        return 0.0
    return 1.0 if score(1 - _EDGE) >= 0 else float(brentq(score, _EDGE, 1 - _EDGE, xtol=1e-7))
