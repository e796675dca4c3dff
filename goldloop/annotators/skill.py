"""Skill: how often somebody is right, where what is right is itself known only with some probability.

`others` is the probability of each label by everything but this person's answer, shape (n, n_labels), rows
sum to 1; a known label is a row with a single 1. `said` holds the columns answered, shape (n,). `wrong` is
what people say here when they are wrong, as `wrong_answers` fits it. The model is Dawid and Skene's with one
accuracy a person [dawidskene1979]: right with probability a, else wrong as everybody is. What everybody else
says is held fixed, so nobody agrees with himself.
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

NOTHING_SAID = "nothing to compare with"
_EDGE = 1e-9  # accuracies of exactly 0 and 1 make any answer against them impossible
_N_STEPS = 25  # of EM; errors move by less than a thousandth after about ten


def wrong_answers(others: Floats, said: Columns) -> Floats:
    """Return how everybody's wrong answers spread over the labels, fitted by EM [dawidskene1979].

    Shape (n_labels, n_labels): rows the right label, summing to 1, the diagonal 0.

    With little evidence they are taken to spread as others' doubts do, and those of nobody over all alike:
    n_labels - 1 answers are added for each right label. Taking all wrong labels as equally likely would make
    people who share a common mistake look right, as they then confirm each other.
    """
    n_labels = others.shape[1]
    doubts = np.ones((n_labels, n_labels))
    np.add.at(doubts.T, said, others)
    prior = (n_labels - 1) * _normalised(doubts)
    fitted, accuracy = _normalised(prior), 0.8
    for _ in range(_N_STEPS if len(said) else 0):
        counts, accuracy = expected_answers(others, said, fitted, accuracy)
        fitted = _normalised(counts + prior)
    return fitted


def _normalised(counts: Floats) -> Floats:
    off = counts * (1 - np.eye(len(counts)))
    shares: Floats = off / off.sum(axis=1, keepdims=True)
    return shares


def expected_answers(others: Floats, said: Columns, wrong: Floats, accuracy: float) -> tuple[Floats, float]:
    """Return how often each label (row) was probably answered by each (column), and the share of right ones.

    Of shape (n_labels, n_labels); its sum is n. The person's own answer now counts too, as it must where the
    question is what happened rather than how good somebody is.
    """
    rows = np.arange(len(said))
    right = accuracy * others[rows, said]
    joint = (1 - accuracy) * others * wrong[:, said].T
    joint[rows, said] = right
    total = joint.sum(axis=1, keepdims=True)
    joint = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    counts = np.zeros((others.shape[1], others.shape[1]))
    np.add.at(counts.T, said, joint)
    return counts, float(joint[rows, said].mean())


def accuracy_against(others: Floats, said: Columns, wrong: Floats) -> Measure:
    """Return the accuracy that makes the answers most likely, with a score interval.

    Where every label is known this is the plain share of right answers with Wilson's interval [wilson1927].
    Elsewhere n shrinks by the information that is missing about what was right [louis1982], given all
    answers: what *could* have been answered must stay out, because it is what people said that decided who
    else was asked [kenwardmolenberghs1998].

    It needs `others` calibrated, and all answers: leaving out those that nobody doubted would leave mainly
    the mistakes.
    """
    n = len(said)
    if n < MIN_N:
        return Measure(n, None)
    right, unlikely = others[np.arange(n), said], (others @ wrong)[np.arange(n), said]
    gap = right - unlikely  # what the answer's probability gains per unit of accuracy
    if np.abs(gap).max() < _EDGE:
        return Measure(n, None, NOTHING_SAID)
    best = _most_likely(lambda accuracy: float((gap / (unlikely + accuracy * gap)).sum()))
    inside = (n * best + 2) / (n + 4)  # off the ends, where nothing could be missing [agresticoull1998]
    is_right = inside * right / (unlikely + inside * gap)
    missing = float((is_right * (1 - is_right)).sum()) / (inside * (1 - inside))
    return measured(best, *wilson(best, max(n - missing, 1.0)), n=n)


def _most_likely(score: Callable[[float], float]) -> float:
    """Return where the falling `score` is zero between 0 and 1; the end nearest to it where it is not."""
    if score(_EDGE) <= 0:
        return 0.0
    return 1.0 if score(1 - _EDGE) >= 0 else float(brentq(score, _EDGE, 1 - _EDGE, xtol=1e-7))
