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

from goldloop.measures import MIN_N, Measure, measured
from goldloop.metrics import Z_95

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

NOTHING_SAID = "nothing to compare with"
_EDGE = 1e-9  # accuracies of exactly 0 and 1 make any answer against them impossible
_N_STEPS = 25  # of EM; errors move by less than a thousandth after about ten


def wrong_answers(others: Floats, said: Columns) -> Floats:
    """Return how everybody's wrong answers spread over the labels, fitted by EM [dawidskene1979].

    Shape (n_labels, n_labels): rows the right label, summing to 1, the diagonal 0.

    One answer is added to each pair of labels, so that with no evidence every wrong label is as likely.
    Taking them all as equally likely with evidence to the contrary would make people who share a common
    mistake look right: they then confirm each other.
    """
    n_labels = others.shape[1]
    fitted = _normalised(np.ones((n_labels, n_labels)))
    accuracy = 0.8
    for _ in range(_N_STEPS if len(said) else 0):
        counts, accuracy = expected_answers(others, said, fitted, accuracy)
        fitted = _normalised(counts + 1)
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
    """Return the accuracy that makes the answers most likely, with its score interval [rao1948].

    Where every label is known this is the plain share of right answers with Wilson's interval; the less the
    others know, the wider it gets. It needs `others` calibrated, and for every answer alike: leaving out
    those that nobody doubted would leave mainly the mistakes.
    """
    n = len(said)
    if n < MIN_N:
        return Measure(n, None)
    rows, unlikely = np.arange(n), others @ wrong
    gap = others - unlikely  # what an answer's probability gains per unit of accuracy
    if np.abs(gap).max() < _EDGE:
        return Measure(n, None, NOTHING_SAID)

    def score(accuracy: float) -> float:
        return float((gap[rows, said] / (unlikely + accuracy * gap)[rows, said]).sum())

    def standardised(accuracy: float) -> float:
        chance = unlikely + accuracy * gap
        information = np.divide(np.square(gap), chance, out=np.zeros_like(gap), where=chance > 0).sum()
        return score(accuracy) / float(np.sqrt(information))

    best = _crossing(score, _EDGE, 1 - _EDGE)
    low = _first_crossing(lambda accuracy: standardised(accuracy) - Z_95, best, 0.0)
    high = _first_crossing(lambda accuracy: standardised(accuracy) + Z_95, best, 1.0)
    return measured(round(best, 6), low, high, n=n)  # at the ends exactly 0 or 1


def _crossing(falling: Callable[[float], float], start: float, end: float) -> float:
    """Return where `falling` is zero between `start` and `end`; the nearer of them where it is not."""
    if falling(start) <= 0:
        return start
    return end if falling(end) >= 0 else float(brentq(falling, start, end, xtol=1e-7))


def _first_crossing(function: Callable[[float], float], best: float, end: float) -> float:
    """Return where `function` first changes its sign on the way from `best` to `end`, 0 or 1; else `end`.

    The standardised score comes back to zero at the very ends wherever a single answer could still rule them
    out, so the sign there tells nothing.
    """
    here, sign = best, np.sign(function(best))
    while abs(end - here) > _EDGE:
        ahead = end + (here - end) * 0.7
        if np.sign(function(ahead)) != sign:
            return float(brentq(function, *sorted((here, ahead)), xtol=1e-7))
        here = ahead
    return end
