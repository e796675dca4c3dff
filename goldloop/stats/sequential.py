"""Sequential evidence: whether a share is above an allowed one, by evidence that holds at every look."""

from __future__ import annotations

import numpy as np

ODDS = (1.5, 2.0, 3.0, 5.0)
"""Alternatives of the test, as multiples of the allowed odds of a hit."""


def evidence_above(n_hits: float, n: float, allowed: float) -> float:
    """Return the mean likelihood ratio, over ODDS, of `n_hits` among `n` against the share `allowed`.

    If the true share is at most `allowed`, the ratio ever exceeds x with a probability of at most 1 / x, as n
    grows and however often one looks [ville1939].

    >>> evidence_above(5, 50, 0.1) < 1 < evidence_above(10, 50, 0.1) < 20 < evidence_above(15, 50, 0.1)
    True
    """
    if allowed <= 0:
        return np.inf if n_hits > 0 else 1.0
    odds = np.array(ODDS)
    shares = odds * allowed / (1 - allowed + odds * allowed)
    ratios = n_hits * np.log(shares / allowed) + (n - n_hits) * np.log((1 - shares) / (1 - allowed))
    return float(np.exp(np.minimum(ratios, 700.0)).mean())
