"""Sequences: the order in which the sizes of an accepted region are tested, planned without the labels.

A test at every size can stop early by bad luck: between two steps of the binomial limit, one error ends the
sequence that the next step would allow. Tests only at the steps of the limit skip the sizes between them. The
best mixture depends on where the errors are, and the confidences predict that: the sequence is chosen that
would accept most samples on average if the confidences were calibrated. Every sequence that does not depend
on the labels keeps the guarantee; badly calibrated confidences reduce the number of accepted samples, never
validity.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Sizes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

MOST_STATIONS = 60
"""Largest number of stations; with more of them the limit moves so often that leaping gains nothing."""

NEGLIGIBLE = 1e-12  # probability of more errors that planning ignores


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

    `confidence` (n,) is in descending order, `most` comes from `most_errors`. A station is a size at which
    the limit `most` increases. The sequence leaps from station to station, and after the last one tests every
    size.
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
