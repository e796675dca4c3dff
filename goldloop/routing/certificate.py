"""Certifying: from which confidence on labels can be accepted, with a guarantee, by what audits say.

The hypotheses "of what is accepted from this confidence on, too much is wrong" are tested one after the
other, from few accepted to many, each by the exact binomial tail and at the full `delta`; the first that is
not refuted ends it. Such a fixed sequence needs no correction for how many tests there are
[angelopoulos2021]: to go wrong, the first true hypothesis in it must be refuted. The sequence is planned from
confidences alone (`goldloop.routing.sequences`).
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
    """From which confidence on labels are right at least as often as `accuracy`, None if nowhere; and why.

    True with probability 1 - `delta` over the draw of the audits. There were `n` of them; `n_accepted` lie in
    the accepted region, `n_errors` of those are wrong.
    """

    accuracy: float
    delta: float
    threshold: float | None
    n: int
    n_accepted: int
    n_errors: int
    reason: str


def fewest_audits(accuracy: float, delta: float) -> int:
    """Return how many accepted audits without a single error are needed to show `accuracy`."""
    return ceil(log(delta) / log(accuracy))


def evenly_drawn(audited: Audited, *, seed: int) -> Audited:
    """Return audits of which each sample was equally likely, by leaving out some of those that were likelier.

    A permanent random number decides who stays, so that most stay from round to round. Betting on weighted
    errors [waudbysmith2024], which uses all audits, certified less: the errors may all hide where the
    fewest audits are.
    """
    if not len(audited):
        return audited
    kept = audited.weights / audited.weights.max()
    numbers = np.array([permanent_random(one, seed, "thinning") for one in audited.sample_ids])
    return audited.where(numbers < kept)


def certify(
    confidence: npt.ArrayLike, is_right: npt.ArrayLike, *, accuracy: float, delta: float
) -> Certificate:
    """Return from which confidence on labels may be accepted, by audits drawn with equal probabilities.

    `confidence` (n,) in [0, 1] is the model's, `is_right` (n,) says whether its label was the true one; the
    audits must be a random draw that no part of the model was fitted on.

    Raises:
        InvalidProbabilitiesError: a confidence outside [0, 1].
        LabelError: answers and confidences differ in number.
        PolicyError: accuracy or delta outside (0, 1).
    """
    sure, right = np.asarray(confidence, dtype=np.float64), np.asarray(is_right, dtype=bool)
    if sure.ndim != 1 or sure.shape != right.shape:
        raise LabelError(f"{right.shape} answers for {sure.shape} confidences; give one for each audit")
    if not ((sure >= 0) & (sure <= 1)).all():
        raise InvalidProbabilitiesError("a confidence lies outside [0, 1]; check the probs they come from")
    if not (0 < accuracy < 1 and 0 < delta < 1):
        raise PolicyError(f"accuracy and delta lie between 0 and 1, got {accuracy} and {delta}")
    order = np.argsort(-sure, kind="stable")
    sure, n_wrong = sure[order], np.cumsum(~right[order])
    # samples of equal confidence are accepted together, so a region ends only where confidence falls
    sizes = np.flatnonzero(np.diff(sure, append=-1.0) < 0) + 1
    most = most_errors(sizes, risk=1 - accuracy, delta=delta)
    sequence = planned_sequence(sure, sizes, most)
    last = _last_passed(n_wrong[sizes - 1] <= most, sequence)
    n_accepted = 0 if last is None else int(sizes[last])
    n_errors = int(n_wrong[n_accepted - 1]) if n_accepted else 0
    if last is not None:
        reason = (
            f"{n_errors} of the {n_accepted} surest audits are wrong, and up to {most[last]} may be: "
            f"they show {accuracy:.1%} with certainty {1 - delta:.0%}"
        )
    elif len(sure) < (least := fewest_audits(accuracy, delta)):
        reason = f"{least} audits without an error are the least that can show {accuracy:.1%}; "
        reason += f"there are {len(sure)}"
    else:
        first = sequence[0]
        size, found = sizes[first], n_wrong[sizes[first] - 1]
        reason = f"{found} of the {size} surest audits are wrong; to show {accuracy:.1%} it may be "
        reason += f"{most[first]} at most, of {len(sure)} audits in all"
    return Certificate(accuracy, delta, _threshold(sure, n_accepted), len(sure), n_accepted, n_errors, reason)


def _last_passed(passed: npt.NDArray[np.bool_], sequence: npt.NDArray[np.intp]) -> int | None:
    """Return the last place in `sequence` before the first that did not pass, None if the first did not."""
    stops = np.flatnonzero(~passed[sequence])
    n_passed = int(stops[0]) if len(stops) else len(sequence)
    return int(sequence[n_passed - 1]) if n_passed else None


def _threshold(sure: npt.NDArray[np.float64], n_accepted: int) -> float | None:
    """Return where the region begins: just above the surest audit left out.

    Given that audit, the accepted ones are a random draw of all that is surer than it: the region that the
    binomial test is exact for.
    """
    if not n_accepted:
        return None
    return 0.0 if n_accepted == len(sure) else float(np.nextafter(sure[n_accepted], 2))
