"""The guard: whether audits show that a routing policy accepts too many wrong labels.

`goldloop.routing.settle` then suspends the policy. The guard runs every week, so its evidence must be valid
at every look. Fifty looks at an ordinary 95 % interval would suspend one good policy in five within a year.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import ceil

from goldloop.audit.audited import Audited
from goldloop.stats.metrics import Estimate, share_and_effective_size, wilson
from goldloop.stats.sequential import evidence_above

FALSE_SUSPENSION = 0.05
"""Largest chance that a policy with exactly the allowed share of errors is ever suspended for one model.

Measured over 52 weekly looks at 5 to 20 new audits: 2 % of such policies were suspended, fewer below the
allowed share. Of policies with twice that share, 20 audits a week suspend half within 8 weeks if 5 % is
allowed, and within 20 weeks if 2 % is allowed. An ordinary interval takes 3 and 6 weeks, and suspends 20 to
24 % of policies with exactly the allowed share (`python -m scripts.bench.guarantees --part guard`).
"""

MOST_AUDITS = 2**20
"""Largest number of further audits that `follows` names."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """The evidence on samples that a policy accepts, or would accept if it were not suspended.

    `is_broken`: the share of wrong labels is too large by evidence. `is_unproven`: it may be too large.
    `seen` and `follows` state the evidence and its consequence in a sentence each.
    """

    is_broken: bool
    is_unproven: bool
    seen: str
    follows: str


def guard(
    accepted: Audited,
    *,
    max_error: float,
    is_suspended: bool = False,
    false_suspension: float = FALSE_SUSPENSION,
) -> Guarded:
    """Return whether too many of the audited samples that one policy accepts, `accepted`, are wrong.

    `is_broken` if the lower bound of the share of errors, valid at every look [ville1939], is above
    `max_error`. `false_suspension` is the chance that this ever happens to a policy with a share of
    `max_error`, as its audits grow in number. If the policy `is_suspended`, pass the samples it would accept:
    it stays broken until the share itself is at most `max_error`.

    Of 100 audits 7 are wrong where 5 % are allowed: no evidence yet. With 15 wrong it is evidence.

    >>> import numpy as np
    >>> def audits(n_wrong: int) -> Audited:
    ...     truth, probs = np.arange(100) < n_wrong, np.tile([0.9, 0.1], (100, 1))
    ...     ones, ids = np.ones(100), tuple(map(str, range(100)))
    ...     lanes = np.full(100, "auto")
    ...     return Audited(
    ...         sample_ids=ids, truth=truth, probs=probs, weights=ones, lanes=lanes, rounds=ones
    ...     )
    >>> print(guard(audits(7), max_error=0.05).follows)
    the share may be too large; 184 more audits without an error would prove otherwise
    >>> print(guard(audits(15), max_error=0.05).follows)
    at least 7.0% are wrong, so people review what the policy would accept

    Raises:
        EmptyPoolError: nothing accepted was audited.
    """
    is_wrong = ~accepted.is_decided_right
    share, n_effective = share_and_effective_size(
        is_wrong, weights=accepted.weights, clusters=accepted.clusters
    )
    errors = Estimate(share, *wilson(share, n_effective), n=len(accepted))
    at_least = _least_share(share * n_effective, n_effective, false_suspension)
    is_broken = at_least > max_error or (is_suspended and share > max_error)
    is_unproven = errors.high > max_error
    seen = (
        f"{int(is_wrong.sum())} of {len(accepted)} audited samples that are accepted were wrong: {errors}, "
        f"allowed {max_error:.1%}"
    )
    if is_broken and is_suspended:
        more = max(1, ceil(share * n_effective / max_error - n_effective))
        follows = f"the policy stays suspended; {more} more audits without an error would end the suspension"
    elif is_broken:
        follows = f"at least {at_least:.1%} are wrong, so people review what the policy would accept"
    elif is_unproven:
        more = _clean_audits(share * n_effective, n_effective, max_error)
        follows = f"the share may be too large; {more} more audits without an error would prove otherwise"
    else:
        follows = "the share is proven to be within what is allowed"
    return Guarded(is_broken, is_unproven, seen, follows)


def _least_share(n_wrong: float, n: float, false_suspension: float) -> float:
    """Return the largest share that n_wrong errors among n are evidence against, at any look; or 0."""
    low, high = 0.0, n_wrong / n
    for _ in range(50):
        middle = (low + high) / 2
        is_evidence = evidence_above(n_wrong, n, middle) >= 1 / false_suspension
        low, high = (middle, high) if is_evidence else (low, middle)
    return low


def _clean_audits(n_wrong: float, n: float, max_error: float) -> int:
    """Return how many more audits without an error bring the 95 % interval within `max_error`."""

    def is_enough(more: int) -> bool:
        return wilson(n_wrong / (n + more), n + more)[1] <= max_error

    return 1 + bisect_left(range(1, MOST_AUDITS), True, key=is_enough)
