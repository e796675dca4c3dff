"""Overlooking: how often annotators leave a wrong suggestion on a sheet unclicked.

Two kinds of wrong suggestions are known. A planted one is a gold sample under another label, known whatever
the annotator does. A wrong suggestion of the model is known if somebody clicked it, because clicked pictures
are asked again singly, and else only if chance drew it as a twin, which is asked again singly too. An
unclicked one therefore stands for 1 / the probability of its draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import Z_95, Estimate, Flags, Floats, share_estimate

_FARTHEST = 25.0  # log-odds, beyond which a share is 0 or 1


@dataclass(frozen=True, eq=False)
class KnownWrong:
    """n wrong suggestions on sheets: which were missed (n,), and which were `planted` (n,).

    `probabilities` (n,) are those with which a suggestion would be known to be wrong if nobody clicked it: 1
    for a planted one, that of the draw of twins for all others.
    """

    is_missed: Flags
    is_planted: Flags
    probabilities: Floats

    def __post_init__(self) -> None:
        bad = ~((self.probabilities > 0) & (self.probabilities <= 1))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidProbabilitiesError(
                f"probability {self.probabilities[row]} of wrong suggestion {row} is not in (0, 1]; "
                "use the probability with which twins are drawn"
            )


@dataclass(frozen=True, slots=True)
class Overlooking:
    """How often wrong suggestions are left unclicked, each missing below `MIN_N` cases.

    `planted` is the share of planted ones and `own` that of the model's own ones. `both` takes the two for
    equally hard to see. `left_wrong` is the share of unclicked pictures whose suggestion is wrong.
    """

    planted: Measure
    own: Measure
    both: Measure
    left_wrong: Measure


def overlooking(
    known: KnownWrong, twins_are_wrong: npt.ArrayLike, twin_weights: npt.ArrayLike
) -> Overlooking:
    """Return how often wrong suggestions are overlooked, from `known` ones and from unclicked twins.

    `twins_are_wrong` (m,) tells of which unclicked twins the suggestion is wrong, `twin_weights` (m,) are 1 /
    the probabilities of their draws.
    """
    twins = np.asarray(twins_are_wrong, dtype=bool)
    left = share_estimate(twins, weights=twin_weights) if len(twins) >= MIN_N else None
    everything = np.ones(len(known.is_missed), dtype=bool)
    planted, own, both = (_measure(known, rows) for rows in (known.is_planted, ~known.is_planted, everything))
    return Overlooking(planted, own, both, Measure(len(twins), left))


def _measure(known: KnownWrong, rows: Flags) -> Measure:
    n = int(rows.sum())
    if n < MIN_N:
        return Measure(n, None)
    return Measure(n, missed_share(known.is_missed[rows], known.probabilities[rows]))


def missed_share(is_missed: Flags, probabilities: Floats) -> Estimate:
    """Return the share of wrong suggestions that are missed, from n >= 1 known ones.

    `is_missed` (n,) tells which were missed, `probabilities` (n,) with which each would be known if missed; a
    clicked one is always known. Where a share m is missed, a known one is missed with the odds p m / (1 - m).
    The value maximises this likelihood of retrospective draws [prentice1979], less its bias of first order
    [coxsnell1968]. The interval inverts the score test. Where all probabilities are 1 they are the plain
    share and Wilson's interval [wilson1927].

    Of 190 wrong suggestions 180 were clicked, and a tenth of the rest was drawn, which found one missed:

    >>> missed = np.arange(181) == 0
    >>> print(missed_share(missed, np.full(181, 0.1)))
    0.055 [0.01, 0.24], n=181
    """
    groups, counts = np.unique(np.column_stack([is_missed, probabilities]), axis=0, return_counts=True)
    log_odds = np.log(groups[:, 1])
    score = partial(_score, missed=groups[:, 0], log_odds=log_odds, counts=counts)
    n, n_missed = len(is_missed), int(np.sum(is_missed))
    low = 0.0 if n_missed == 0 else float(expit(_root(lambda beta: score(beta) - Z_95)))
    high = 1.0 if n_missed == n else float(expit(_root(lambda beta: score(beta) + Z_95)))
    value = n_missed / n
    if 0 < n_missed < n:
        beta = _root(score)
        value = float(expit(beta)) - _bias(beta, log_odds, counts)
    return Estimate(value, min(low, value), max(high, value), n)


def _score(beta: float, missed: Floats, log_odds: Floats, counts: npt.NDArray[np.intp]) -> float:
    """Return the standardised score at the log-odds `beta` of the share; it falls with `beta`."""
    shares = expit(beta + log_odds)
    surplus = float(counts @ (missed - shares))
    return surplus / float(np.sqrt(counts @ (shares * (1 - shares))))


def _bias(beta: float, log_odds: Floats, counts: npt.NDArray[np.intp]) -> float:
    """Return the bias of first order of the likeliest share, whose log-odds are `beta` [coxsnell1968]."""
    share, shares = expit(beta), expit(beta + log_odds)
    variances = shares * (1 - shares)
    information, third = float(counts @ variances), float(counts @ (variances * (1 - 2 * shares)))
    return float(share * (1 - share) / 2 * ((1 - 2 * share) / information - third / information**2))


def _root(falling: Callable[[float], float]) -> float:
    """Return the log-odds at which a `falling` function is 0."""
    return float(brentq(falling, -_FARTHEST, _FARTHEST))
