"""Errors: how many labels are wrong where not every label is checked; the prices of errors and minutes."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.error_costs import ErrorCosts
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs
from goldloop.routing.fit import error_costs
from goldloop.settings.costs import CostSettings
from goldloop.stats.measures import Measure, exact
from goldloop.stats.metrics import Z_95, Estimate, effective_sample_size

DOUBT_OFF = 0.5
"""Relative error allowed for the number of wrong labels that the posterior expects in gold.

In a simulated year annotators had made 885 errors where the posterior expected 947; among labels that they
had changed 252 where it expected 346, among audits without an adjudicator 19 where it expected 34
(`python -m scripts.bench.year`). An interval for chance alone would hold the truth in one quarter of four.
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in `currency`: of a `minute` of an annotator, and of each of the `errors`."""

    currency: str
    minute: float
    errors: ErrorCosts


def prices(settings: CostSettings, labels: LabelSet) -> Prices:
    """Return the prices of `settings`; pairs of labels without a price of their own cost its `error`."""
    return Prices(settings.currency, settings.minute, error_costs(settings, labels))


def expected(amounts: Floats, posterior: Probs) -> Measure:
    """Return the sum over samples of `amounts`, which depend on the true label; both (n, n_labels).

    The interval accounts for the unknown true labels: the variance of each sample, and the error of the
    posterior over all samples together (DOUBT_OFF).
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


def price_of_error(accepted: Audited, unseen: Traffic, prices: Prices) -> Measure:
    """Return the mean price of the errors among accepted samples, from the audits of them, `accepted`.

    What the model expects of the errors among the `unseen` ones stands in where no audit is wrong. The
    interval is at least as wide as that spread asks for: until a large payment is among the errors, theirs
    is too small. Without any error expected it is the mean over all kinds of errors, at the mean stake.
    """
    wrong = accepted.where(~accepted.is_decided_right)
    paid = prices.errors.paid(wrong.truth, wrong.decided, wrong.stakes)
    expects, spread = _expected_price(unseen, prices)
    if not len(wrong) and expects is None:
        return exact(prices.errors.mean(float(accepted.stakes.mean()) if len(accepted) else 0.0))
    mean = float(np.average(paid, weights=wrong.weights)) if len(wrong) else float(expects or 0.0)
    variance = float(np.average((paid - mean) ** 2, weights=wrong.weights)) if len(wrong) else 0.0
    variance = max(variance, spread)
    n_effective = effective_sample_size(wrong.weights) if len(wrong) else 1.0
    effect = wrong.cluster_effect(paid - mean) if len(wrong) else 1.0
    half = Z_95 * sqrt(effect * variance / n_effective)
    n = max(1, len(wrong))
    return Measure(n, Estimate(mean, max(0.0, mean - half), mean + half, n))


def _expected_price(unseen: Traffic, prices: Prices) -> tuple[float | None, float]:
    """Return the mean price of the errors that the model expects among samples, and its variance.

    The mean is None where it expects none.
    """
    chances = unseen.probs.copy()
    chances[np.arange(len(unseen)), unseen.decided] = 0.0
    n_wrong = float(chances.sum())
    if not n_wrong:
        return None, 0.0
    paid = prices.errors.of_taken(unseen.decided, unseen.stakes)
    mean = float((chances * paid).sum()) / n_wrong
    return mean, float((chances * (paid - mean) ** 2).sum()) / n_wrong
