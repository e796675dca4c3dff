"""Certifying: from which confidence on labels can be accepted, with a guarantee, by what audits say.

The hypotheses "what is accepted from this confidence on is wrong too often" are tested one after the other,
from few accepted to many, each at the full `delta`; the first that cannot be refuted ends it. That sequence
needs no correction for how many there are ([angelopoulos2021], fixed-sequence testing).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from goldloop.errors import EmptyPoolError, InvalidProbabilitiesError
from goldloop.metrics import Flags, checked_weights

Confidences = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Certificate:
    """From which confidence on labels are right at least as often as `accuracy`, or None, with reasons.

    True with probability 1 - `delta` over the draw of the audits. `n` audits were there, `n_accepted` of
    them lie in the accepted region and `n_errors` of those are wrong.
    """

    accuracy: float
    delta: float
    threshold: float | None
    n: int
    n_accepted: int
    n_errors: int
    reasons: tuple[str, ...]


def fewest_audits(accuracy: float, delta: float) -> int:
    """Return how many accepted audits without a single error are needed to show `accuracy`."""
    return ceil(log(delta) / log(accuracy))


def certify(
    confidence: npt.ArrayLike,
    is_right: npt.ArrayLike,
    *,
    accuracy: float,
    delta: float,
    weights: npt.ArrayLike | None = None,
) -> Certificate:
    """Return from which confidence on labels may be accepted, by audits with `confidence` (n,) in [0, 1].

    `is_right` (n,) says whether the model's label was the true one, `weights` (n,) are inverse inclusion
    probabilities. With equal weights, or none, the tests are exact.

    Raises:
        InvalidProbabilitiesError: a confidence outside [0, 1], or weights that are no positive numbers.
        EmptyPoolError: confidences and answers differ in number.
    """
    sure, right = np.asarray(confidence, dtype=np.float64), np.asarray(is_right, dtype=bool)
    if sure.shape != right.shape or sure.ndim != 1:
        raise EmptyPoolError(f"{right.shape} answers for {sure.shape} confidences; give one for each audit")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise InvalidProbabilitiesError("a confidence lies outside [0, 1]; check the probs they come from")
    order = np.argsort(-sure, kind="stable")
    ordered, wrong = sure[order], ~right[order]
    _ = checked_weights(weights, len(sure))
    n_last = _widest(ordered, wrong, accuracy, delta)
    return _certificate(ordered, wrong, n_last, accuracy, delta)


def _widest(ordered: Confidences, wrong: Flags, accuracy: float, delta: float) -> int:
    """Return how many audits, from the surest on, the widest certified region holds; 0 for none."""
    n = len(ordered)
    if n < fewest_audits(accuracy, delta):
        return 0
    is_end = np.append(ordered[1:] < ordered[:-1], True)
    sizes = np.arange(1, n + 1)[is_end]
    errors = np.cumsum(wrong)[is_end]
    expected = (np.cumsum(1 - ordered)[is_end] / sizes).clip(0, 1)
    most = binom.ppf(delta, sizes, 1 - accuracy)
    most = np.where(binom.cdf(most, sizes, 1 - accuracy) > delta, most - 1, most)
    start = int(np.argmax(binom.cdf(most, sizes, expected)))
    passed = errors <= most
    if not passed[start]:
        return 0
    failed = np.flatnonzero(~passed[start:])
    last = len(sizes) - 1 if not len(failed) else start + int(failed[0]) - 1
    return int(sizes[last])


def _certificate(
    ordered: Confidences, wrong: Flags, n_accepted: int, accuracy: float, delta: float
) -> Certificate:
    n = len(ordered)
    least = fewest_audits(accuracy, delta)
    if not n_accepted:
        threshold, reason = (
            None,
            (
                f"{least} audits without an error are the least that can show {accuracy:.1%}; there are {n}"
                if n < least
                else f"no region of confidence passes: {int(wrong.sum())} of {n} audits are wrong"
            ),
        )
    else:
        # everything surer than the surest audit left out belongs to the region that was tested
        threshold = float(np.nextafter(ordered[n_accepted], 2)) if n_accepted < n else 0.0
        reason = f"{int(wrong[:n_accepted].sum())} of {n_accepted} audits from {threshold:.4f} on are wrong"
    return Certificate(accuracy, delta, threshold, n, n_accepted, int(wrong[:n_accepted].sum()), (reason,))
