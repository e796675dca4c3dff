"""Mistakes: how many wrong labels there are where not every label is checked, and what they cost."""

from __future__ import annotations

from collections.abc import Collection
from math import hypot, sqrt

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.estimates import estimate_accuracy
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.stats.amounts import exact
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Z_95, Estimate, effective_sample_size

TOO_FEW_AUDITS = "too few audits"

DOUBT_OFF = 0.5
"""By what share of itself gold's doubt may be too large or too small as a whole.

In a simulated year people had made 885 mistakes where the posterior expected 947; among labels that they had
changed 252 where it expected 346, among audits that nobody had to adjudicate 19 where it expected 34
(`scripts/bench/year`). An interval for chance alone would hold the truth in one quarter of four.
"""

Floats = npt.NDArray[np.float64]


def expected(amounts: Floats, posterior: Probs) -> Measure:
    """Return the sum over samples of `amounts`, which depend on the true label; both (n, n_labels).

    The interval is for not knowing the true labels: what chance does to each sample, and how far off the
    posterior may be as a whole (DOUBT_OFF).
    """
    n = len(posterior)
    if not n:
        return exact(0.0, 0)
    means = (posterior * amounts).sum(axis=1)
    variance = float((posterior * amounts**2).sum() - (means**2).sum())
    value = float(means.sum())
    doubt = value - float(amounts[np.arange(n), posterior.argmax(axis=1)].sum())
    half = hypot(Z_95 * sqrt(max(0.0, variance)), DOUBT_OFF * doubt)
    lowest, highest = float(amounts.min(axis=1).sum()), float(amounts.max(axis=1).sum())
    return Measure(
        n, Estimate(value, min(value, max(lowest, value - half)), max(value, min(highest, value + half)), n)
    )


def audited_accepted(audited: Audited, rounds: Collection[int]) -> Audited:
    """Return the audited samples that were accepted in `rounds`."""
    return audited.where((audited.lanes == str(Lane.AUTO)) & np.isin(audited.rounds, sorted(rounds)))


def wrong_share(audits: Audited, accepted: Traffic) -> Measure:
    """Return the share of wrong labels in `accepted` traffic, from the `audits` of it."""
    found = estimate_accuracy(audits, accepted)
    if found is None:
        return Measure(len(audits), None, TOO_FEW_AUDITS)
    return Measure(found.n, Estimate(1 - found.value, 1 - found.high, 1 - found.low, found.n))


def price_of_error(accepted: Audited, errors: Floats) -> Measure:
    """Return the mean price of the errors among `accepted`; that of all kinds of error alike before any.

    `errors` (n_labels, n_labels): rows the true label, columns what it is taken for.
    """
    wrong = accepted.where(~accepted.is_right)
    n_kinds = len(errors) * (len(errors) - 1)
    if not len(wrong):
        return exact(float(errors.sum() / n_kinds))
    paid = errors[wrong.truth, wrong.probs.argmax(axis=1)]
    mean = float(np.average(paid, weights=wrong.weights))
    variance = float(np.average((paid - mean) ** 2, weights=wrong.weights))
    half = Z_95 * sqrt(variance / effective_sample_size(wrong.weights))
    return Measure(len(wrong), Estimate(mean, max(0.0, mean - half), mean + half, len(wrong)))
