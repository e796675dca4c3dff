"""The guard: whether audits bear out that what is accepted by machine is right often enough.

It is asked every week, so its evidence has to hold at every look: fifty looks at an ordinary 95 % interval
would recall one good policy in five within a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.stats.metrics import Estimate, share_and_worth, wilson

FALSE_SUSPENSION = 0.05
"""Largest chance that a policy with exactly the allowed share of errors is ever suspended for one model.

At that border, over 52 weekly looks at 5 to 20 new audits, 2 % were, below it fewer [ville1939]; of policies
with twice that share 20 audits a week recall half within 8 weeks where 5 % is allowed, 20 weeks at 2 %. An
ordinary interval takes 3 and 6 weeks, and recalls 20 to 24 % at the border
(`scripts/bench/guarantees/guard.py`).
"""

ODDS = (1.5, 2.0, 3.0, 5.0)
"""How many times the allowed odds of an error are thought of as the truth when evidence is weighed."""

MOST_AUDITS = 1_000_000  # nobody audits more; the advice stops counting there


@dataclass(frozen=True, slots=True)
class Guarded:
    """What audits say of samples that a policy accepts, or would accept while it is suspended.

    `errors` is the share of wrong ones with its ordinary 95 % interval, None before any audit; `at_least` is
    a lower bound on it that holds at every look. `is_broken`: too many are wrong by evidence, so accepting
    stops. `is_unproven`: too many may be. `seen` and `follows` say both in a sentence.
    """

    max_error: float
    errors: Estimate | None
    at_least: float
    n_wrong: int
    is_broken: bool
    is_unproven: bool
    seen: str
    follows: str


def guard(
    accepted: Audited, *, max_error: float, is_recalled: bool = False, false_recall: float = FALSE_SUSPENSION
) -> Guarded:
    """Return whether `accepted`, audited samples that one policy accepts, are wrong too often.

    Broken is a share of errors whose lower bound, valid at every look, lies above `max_error`. While a policy
    `is_recalled`, pass what it would accept: it stays broken until the share itself is back at `max_error`.
    `false_recall` is the chance of ever being wrong about that, on audits that only grow in number.
    """
    if not len(accepted):
        seen = "no sample that is accepted has been audited"
        follows = f"{_clean_audits(0.0, 0.0, max_error)} audits without an error would prove it"
        return Guarded(max_error, None, 0.0, 0, is_recalled, True, seen, follows)
    is_wrong = ~accepted.is_right
    share, n_effective = share_and_worth(is_wrong, weights=accepted.weights)
    errors = Estimate(share, *wilson(share, n_effective), n=len(accepted))
    at_least = _least_share(share * n_effective, n_effective, false_recall)
    is_broken = at_least > max_error or (is_recalled and share > max_error)
    is_unproven = errors.high > max_error
    seen = (
        f"{int(is_wrong.sum())} of {len(accepted)} audited samples that are accepted were wrong: {errors}, "
        f"allowed {max_error:.1%}"
    )
    if is_broken and is_recalled:
        more = max(1, ceil(share * n_effective / max_error - n_effective))
        follows = f"it stays with people; {more} more audits without an error would end the recall"
    elif is_broken:
        follows = f"at least {at_least:.1%} are wrong, so what it accepts returns to people"
    elif is_unproven:
        more = _clean_audits(share * n_effective, n_effective, max_error)
        follows = f"it may be too many; {more} more audits without an error would prove that it is not"
    else:
        follows = "it is proven to be within what is allowed"
    return Guarded(max_error, errors, at_least, int(is_wrong.sum()), is_broken, is_unproven, seen, follows)


def _least_share(n_wrong: float, n: float, false_recall: float) -> float:
    """Return the largest allowed share of errors that n_wrong of n speak against, at any look, or 0."""
    low, high = 0.0, n_wrong / n
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _evidence(n_wrong, n, middle) >= 1 / false_recall else (low, middle)
    return low


def _evidence(n_wrong: float, n: float, allowed: float) -> float:
    """Return how many times likelier n_wrong of n are under the ODDS, on average, than under `allowed`.

    Where no more than `allowed` are wrong, this exceeds x at any look with a chance of at most 1 / x.
    """
    if allowed <= 0:
        return np.inf if n_wrong > 0 else 1.0
    odds = np.array(ODDS)
    shares = odds * allowed / (1 - allowed + odds * allowed)
    ratios = n_wrong * np.log(shares / allowed) + (n - n_wrong) * np.log((1 - shares) / (1 - allowed))
    return float(np.exp(np.minimum(ratios, 700.0)).mean())


def _clean_audits(n_wrong: float, n: float, max_error: float) -> int:
    """Return how many more audits without an error bring the 95 % interval within `max_error`."""
    low, high = 0, 1
    while high < MOST_AUDITS and wilson(n_wrong / (n + high), n + high)[1] > max_error:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = wilson(n_wrong / (n + middle), n + middle)[1] <= max_error
        low, high = (low, middle) if is_enough else (middle, high)
    return high
