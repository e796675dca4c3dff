"""The guard: whether audits bear out that what is accepted by machine is right often enough."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.auditing.audited import Audited
from goldloop.metrics import Estimate, share_estimate


@dataclass(frozen=True, slots=True)
class Guarded:
    """What audits say of accepted samples.

    `errors` is the share of wrong ones with its 95 % interval, None before any audit. `is_broken`: there are
    too many by evidence, so accepting has to stop. `is_unproven`: there may be too many.
    """

    max_error: float
    errors: Estimate | None
    n_wrong: int
    is_broken: bool
    is_unproven: bool
    seen: str
    follows: str


def guard(accepted: Audited, *, max_error: float, is_recalled: bool = False) -> Guarded:
    """Return whether `accepted`, audited samples that a policy accepts or would accept, break `max_error`.

    While a policy `is_recalled`, pass what it would accept: it stays broken until the share itself is back at
    `max_error` or below.
    """
    n_wrong = int((~accepted.is_right).sum())
    if not len(accepted):
        return Guarded(max_error, None, 0, is_recalled, True, "no accepted sample has been audited", "")
    errors = share_estimate(~accepted.is_right, weights=accepted.weights)
    is_broken = errors.low > max_error or (is_recalled and errors.value > max_error)
    return Guarded(
        max_error,
        errors,
        n_wrong,
        is_broken,
        errors.high > max_error,
        f"errors among accepted samples: {errors}",
        "",
    )
