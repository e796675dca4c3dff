"""Certification: the confidence threshold above which labels can be accepted with a guarantee, from audits.

For each threshold the hypothesis is that too many of the labels accepted above it are wrong. The hypotheses
are tested in a fixed sequence, from few accepted samples to many, each by the exact binomial tail at the full
level `delta`; the first that is not rejected ends the sequence. A fixed sequence needs no correction for
multiple tests [angelopoulos2021]: an error requires that the first true hypothesis is rejected. The sequence
is planned from the confidences alone (`goldloop.routing.sequences`).

200 audits, of which the 150 with the highest confidence are all right and half of the others are wrong:

>>> confidence = np.linspace(0.99, 0.5, 200)
>>> is_right = np.arange(200) < 150
>>> is_right[151::2] = True
>>> certificate = certify(confidence, is_right, accuracy=0.98, delta=0.05)
>>> round(certificate.threshold, 4), certificate.n_accepted, certificate.n_errors
(0.6207, 150, 0)
>>> certify(confidence[:50], is_right[:50], accuracy=0.98, delta=0.05).reason
'at least 149 audits, all of them right, are needed to show 98.0%; there are 50'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.core.chance import permanent_random
from goldloop.core.errors import InvalidProbabilitiesError, LabelError, PolicyError
from goldloop.routing.sequences import most_errors, planned_sequence


@dataclass(frozen=True, slots=True)
class Certificate:
    """The `threshold` from which enough labels are right, None for nowhere; `reason` explains it.

    Of the `n` audits `n_accepted` have a confidence of at least `threshold`, and `n_errors` of those are
    wrong.
    """

    threshold: float | None
    n: int
    n_accepted: int
    n_errors: int
    reason: str


def fewest_audits(accuracy: float, delta: float) -> int:
    """Return how many accepted audits, all of them right, are needed to show `accuracy`."""
    return ceil(log(delta) / log(accuracy))


def evenly_drawn(audited: Audited, *, seed: int) -> Audited:
    """Return audits that were drawn with equal probabilities, by thinning those with a higher probability.

    A permanent random number decides which audits stay, so that most stay from round to round. Betting on
    weighted errors [waudbysmith2024], which uses all audits, certified less, because all errors may lie where
    the audits are fewest.
    """
    kept = audited.weights / audited.weights.max()
    numbers = np.array([permanent_random(sample_id, seed, "thinning") for sample_id in audited.sample_ids])
    return audited.where(numbers < kept)


def certify(
    confidence: npt.ArrayLike, is_right: npt.ArrayLike, *, accuracy: float, delta: float
) -> Certificate:
    """Return the threshold from which at least a share `accuracy` of the labels is right.

    This holds with probability 1 - `delta` over the draw of the audits, which must have equal probabilities.
    `confidence` (n,) in [0, 1] is the model's; `is_right` (n,) is true where its label is the true one. The
    audits must be a random draw on which no part of the model was fitted.

    Raises:
        InvalidProbabilitiesError: a confidence outside [0, 1].
        LabelError: the numbers of answers and confidences differ.
        PolicyError: accuracy or delta outside (0, 1).
    """
    sure, n_wrong = _by_confidence(confidence, is_right)
    if not (0 < accuracy < 1 and 0 < delta < 1):
        raise PolicyError(
            f"accuracy and delta must lie between 0 and 1, got {accuracy} and {delta}. Correct [policy]."
        )
    # samples of equal confidence are accepted together, so a region ends only where confidence falls
    sizes = np.flatnonzero(np.diff(sure, append=-1.0) < 0) + 1
    most = most_errors(sizes, risk=1 - accuracy, delta=delta)
    sequence = planned_sequence(sure, sizes, most)
    has_passed = np.logical_and.accumulate((n_wrong[sizes - 1] <= most)[sequence])
    passed = sequence[has_passed]
    n_accepted = int(sizes[passed[-1]]) if len(passed) else 0
    n_errors = int(n_wrong[n_accepted - 1]) if n_accepted else 0
    if not n_accepted and len(sure) < (least := fewest_audits(accuracy, delta)):
        reason = f"at least {least} audits, all of them right, are needed to show {accuracy:.1%}; "
        reason += f"there are {len(sure)}"
    else:
        place = passed[-1] if len(passed) else sequence[0]
        reason = f"{n_wrong[sizes[place] - 1]} of the {sizes[place]} audits with the highest confidence are "
        reason += f"wrong; at most {most[place]} may be wrong to show {accuracy:.1%} "
        reason += f"with certainty {1 - delta:.0%} ({len(sure)} audits in all)"
    return Certificate(_threshold(sure, n_accepted), len(sure), n_accepted, n_errors, reason)


def _by_confidence(
    confidence: npt.ArrayLike, is_right: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return the confidences (n,) in descending order, and the number of wrong labels up to each (n,)."""
    sure, right = np.asarray(confidence, dtype=np.float64), np.asarray(is_right, dtype=bool)
    if sure.ndim != 1 or sure.shape != right.shape:
        raise LabelError(
            f"{right.shape} answers for {sure.shape} confidences. Give one answer for each audit."
        )
    if not ((sure >= 0) & (sure <= 1)).all():
        raise InvalidProbabilitiesError("A confidence lies outside [0, 1]. Check the probs of the model.")
    order = np.argsort(-sure, kind="stable")
    return sure[order], np.cumsum(~right[order])


def _threshold(sure: npt.NDArray[np.float64], n_accepted: int) -> float | None:
    """Return the lower end of the accepted region: just above the highest confidence that is not accepted.

    Given that audit, the accepted ones are a random draw of all samples with a higher confidence. The
    binomial test is exact for that region.
    """
    if not n_accepted:
        return None
    return 0.0 if n_accepted == len(sure) else float(np.nextafter(sure[n_accepted], 2))
