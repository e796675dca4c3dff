"""How a promise about a share is checked on a sample of repeats: by an exact binomial bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

CHANCE = 1e-3
"""Chance that a promise which is kept exactly at its limit fails the test for a seed nobody has seen."""

Flags = Sequence[bool] | npt.NDArray[np.bool_]


def at_most(events: Flags, promised: float) -> bool:
    """Return whether so many events are plausible where each has a chance of at most `promised`."""
    n_events, n = int(np.sum(events)), len(events)
    assert n >= 30, f"{n} repeats show nothing; raise their number"
    return bool(binom.sf(n_events - 1, n, promised) >= CHANCE)


def at_least(events: Flags, promised: float) -> bool:
    """Return whether so few events are plausible where each has a chance of at least `promised`."""
    return at_most(~np.asarray(events, dtype=bool), 1 - promised)
