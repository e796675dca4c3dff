"""Certification: the confidence threshold above which labels can be accepted with a guarantee, from audits.

For each threshold the hypothesis is that too many of the labels accepted above it are wrong. The hypotheses
are tested in a fixed sequence, from few accepted samples to many, each by the exact binomial tail at the full
level `delta`; the first that is not rejected ends the sequence. A fixed sequence needs no correction for
multiple tests [angelopoulos2021]: an error requires that the first true hypothesis is rejected. The sequence
is planned from the confidences alone (`planned_sequence`).

200 audits, of which the 150 with the highest confidence are all right and half of the others are wrong:

>>> confidence = np.linspace(0.99, 0.5, 200)
>>> is_right = np.arange(200) < 150
>>> is_right[151::2] = True
>>> certificate = certify(confidence, is_right, accuracy=0.98, delta=0.05)
>>> round(certificate.threshold, 4), int((confidence >= certificate.threshold).sum())
(0.6207, 150)
>>> certify(confidence[:50], is_right[:50], accuracy=0.98, delta=0.05).reason
'at least 149 audits, all of them right, are needed to show 98.0%; there are 50'
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from goldloop.audit.audited import Audited
from goldloop.core.chance import permanent_random
from goldloop.core.errors import InvalidProbabilitiesError, LabelError, PolicyError
from goldloop.stats.metrics import Floats

Sizes = npt.NDArray[np.intp]

MOST_STATIONS = 60
"""Largest number of stations; with more of them the limit moves so often that leaping gains nothing."""

NEGLIGIBLE = 1e-12  # probability of more errors that planning ignores


@dataclass(frozen=True, slots=True)
class Certificate:
    """The `threshold` from which enough labels are right, None for nowhere, and the `reason` in a sentence.

    `n` audits were counted.
    """

    threshold: float | None
    n: int
    reason: str


def fewest_audits(accuracy: float, delta: float) -> int:
    """Return how many accepted audits, all of them right, are needed to show `accuracy`."""
    return ceil(log(delta) / log(accuracy))


def evenly_drawn(audited: Audited, *, seed: int) -> Audited:
    """Return audits that were drawn with equal probabilities, by thinning those with a higher probability.

    A permanent random number decides which audits stay, so that most stay from round to round. Betting on
    weighted errors [waudbysmith2024], which uses all audits, certified less, because all errors may lie where
    the audits are fewest. Audits of one author or thread say less than others: as many stay as the same
    number of independent audits would be worth (`goldloop.stats.clusters`).
    """
    is_wrong = (~audited.is_decided_right).astype(np.float64)
    mean = float(np.average(is_wrong, weights=audited.weights)) if len(audited) else 0.0
    kept = audited.weights / audited.weights.max() / audited.cluster_effect(is_wrong - mean)
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
    if not n_accepted and len(sure) < (least := fewest_audits(accuracy, delta)):
        reason = f"at least {least} audits, all of them right, are needed to show {accuracy:.1%}; "
        reason += f"there are {len(sure)}"
    else:
        place = passed[-1] if len(passed) else sequence[0]
        reason = f"{n_wrong[sizes[place] - 1]} of the {sizes[place]} audits with the highest confidence are "
        reason += f"wrong; at most {most[place]} may be wrong to show {accuracy:.1%} "
        reason += f"with certainty {1 - delta:.0%} ({len(sure)} audits in all)"
    return Certificate(_threshold(sure, n_accepted), len(sure), reason)


def _by_confidence(confidence: npt.ArrayLike, is_right: npt.ArrayLike) -> tuple[Floats, Sizes]:
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


def _threshold(sure: Floats, n_accepted: int) -> float | None:
    """Return the lower end of the accepted region: just above the highest confidence that is not accepted.

    Given that audit, the accepted ones are a random draw of all samples with a higher confidence. The
    binomial test is exact for that region.
    """
    if not n_accepted:
        return None
    return 0.0 if n_accepted == len(sure) else float(np.nextafter(sure[n_accepted], 2))


def most_errors(sizes: Sizes, *, risk: float, delta: float) -> Sizes:
    """Return for each size the largest number of errors that rejects "over `risk` are wrong", -1 for none.

    Exact: if a share of more than `risk` is wrong, at most that many errors have a probability of at most
    `delta`.
    """
    most = binom.ppf(delta, sizes, risk)
    exact: Sizes = np.where(binom.cdf(most, sizes, risk) > delta, most - 1, most).astype(np.intp)
    return exact


def planned_sequence(confidence: Floats, sizes: Sizes, most: Sizes) -> Sizes:
    """Return the places in `sizes` (ascending) to test, in order; none where no size can pass.

    `confidence` (n,) is in descending order, `most` comes from `most_errors`. A test at every size can stop
    early by bad luck: between two steps of the limit `most`, one error ends the sequence that the next step
    would allow. Tests only at the sizes where the limit increases, the stations, skip the sizes between them.
    The sequence leaps from station to station, and after the last one tests every size.

    The best place to leave depends on where the errors are, and the confidences predict that: the sequence is
    chosen that would accept most samples on average if they were calibrated. Every sequence that does not
    depend on the labels keeps the guarantee; badly calibrated confidences reduce the number of accepted
    samples, never validity.
    """
    stations = np.flatnonzero(np.diff(most, prepend=-1) > 0)
    if not len(stations):
        return stations
    stations = stations[:: -(-len(stations) // MOST_STATIONS)]
    begin, leave = _best(1 - confidence, sizes, most, stations)
    return np.concatenate([stations[begin:leave], np.arange(stations[leave], len(sizes))])


def _best(risks: Floats, sizes: Sizes, most: Sizes, stations: Sizes) -> tuple[int, int]:
    """Return the first and last station of the sequence that accepts most samples on average."""
    n_counts = int(most[-1]) + 1  # more errors than that pass nowhere
    walking = _walking(risks, sizes, most, n_counts)[stations]
    errors: Floats = _error_counts(risks[: sizes[stations[0]]], n_counts)
    chances, gaps = [errors], []
    for here, ahead in pairwise(stations):
        gaps.append(_error_counts(risks[sizes[here] : sizes[ahead]], n_counts))
        errors = np.asarray(np.convolve(errors, gaps[-1])[:n_counts], dtype=np.float64)
        chances.append(errors)
    best, pair = -1.0, (0, 0)
    reached: Floats = np.zeros((0, n_counts))  # by the station to leave at, and by the errors so far
    for begin in reversed(range(len(stations))):
        if len(reached):
            place, ahead = stations[begin], stations[begin + 1]
            reached = _one_test_before(reached, gaps[begin], int(most[ahead]), int(sizes[place]))
        reached = np.concatenate([walking[begin : begin + 1], reached])
        passing = chances[begin][: int(most[stations[begin]]) + 1]
        accepted = reached[:, : len(passing)] @ passing
        if accepted.max() > best:
            best, pair = float(accepted.max()), (begin, begin + int(accepted.argmax()))
    return pair


def _walking(risks: Floats, sizes: Sizes, most: Sizes, n_counts: int) -> Floats:
    """Return the mean size reached after each size, when all following sizes are tested (n_sizes, n_counts).

    Columns are the numbers of errors up to that size, which has passed.
    """
    reached = np.empty((len(sizes), n_counts))
    reached[-1] = sizes[-1]
    for place in reversed(range(len(sizes) - 1)):
        gap = _error_counts(risks[sizes[place] : sizes[place + 1]], n_counts)
        reached[place] = _one_test_before(reached[place + 1], gap, int(most[place + 1]), int(sizes[place]))
    return reached


def _one_test_before(reached: Floats, gap: Floats, most: int, size: int) -> Floats:
    """Return the mean size reached after `size`, where the next test allows `most` errors.

    `reached` (..., n_counts) is the mean size reached after that test, by number of errors; `gap` (n,) are
    the probabilities of 0, 1, ... more errors until then.
    """
    n_counts = reached.shape[-1]
    ahead = np.full((*reached.shape[:-1], n_counts + len(gap)), float(size))
    ahead[..., : most + 1] = reached[..., : most + 1]
    before = np.full(reached.shape, (1 - gap.sum()) * size)
    for n_more, chance in enumerate(gap.tolist()):
        before += chance * ahead[..., n_more : n_more + n_counts]
    return before


def _error_counts(risks: Floats, n_counts: int) -> Floats:
    """Return the probabilities of 0, 1, ... errors among audits with these risks, at most `n_counts`."""
    chances = np.ones(1)
    for risk in risks.tolist():
        further = np.append(chances, 0.0) * (1 - risk)
        further[1:] += chances * risk
        chances = further[:n_counts]
    return chances[: 1 + int(np.flatnonzero(chances > NEGLIGIBLE).max(initial=0))]
