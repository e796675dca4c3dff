"""Sequences: in which order the sizes of an accepted region are tested, planned before looking at labels.

A test at every size stops early by bad luck: while the binomial limit has not moved for a while, one error
ends it that the next step of the limit would forgive. A test only where the limit moves skips what lies
between. Which mixture is best depends on where the errors are, and confidence gives an idea of that: the
sequence is taken that would accept most on average if confidence meant what it says. Any sequence that the
labels have no part in keeps the guarantee; a wrong idea costs coverage, never validity.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Sizes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

MOST_STATIONS = 60
"""Stations that are looked at; with more of them the limit moves so often that leaping gains nothing."""

NEGLIGIBLE = 1e-12  # chance of more errors that planning leaves out


def most_errors(sizes: Sizes, *, risk: float, delta: float) -> Sizes:
    """Return for each size the most errors that still refute "more than `risk` are wrong", -1 for none.

    Exact: if more than `risk` are wrong, so few errors come up with a probability of `delta` at most.
    """
    most = binom.ppf(delta, sizes, risk)
    exact: Sizes = np.where(binom.cdf(most, sizes, risk) > delta, most - 1, most).astype(np.intp)
    return exact


def planned_sequence(confidence: Floats, sizes: Sizes, most: Sizes) -> Sizes:
    """Return the places in `sizes` (ascending) to test, in order; none where no size can pass.

    `confidence` (n,) descending, `most` as `most_errors` gives it. The sequence leaps from one station, where
    the limit `most` moves, to the next, and from some station on tests every size.
    """
    stations = np.flatnonzero(np.diff(most, prepend=-1) > 0)
    if not len(stations):
        return stations
    stations = stations[:: -(-len(stations) // MOST_STATIONS)]
    begin, leave = _best(1 - confidence, sizes, most, stations)
    return np.concatenate([stations[begin:leave], np.arange(stations[leave], len(sizes))])


def _best(risks: Floats, sizes: Sizes, most: Sizes, stations: Sizes) -> tuple[int, int]:
    """Return between which stations to leap: the pair after which most is accepted on average."""
    n_counts = int(most[-1]) + 1  # more errors than that pass nowhere
    walking = _walking(risks, sizes, most, n_counts)[stations]
    errors: Floats = _error_counts(risks[: sizes[stations[0]]], n_counts)
    chances, gaps = [errors], []
    for here, ahead in pairwise(stations):
        gaps.append(_error_counts(risks[sizes[here] : sizes[ahead]], n_counts))
        errors = np.asarray(np.convolve(errors, gaps[-1])[:n_counts], dtype=np.float64)
        chances.append(errors)
    best, found = -1.0, (0, 0)
    reached: Floats = np.zeros((0, n_counts))  # by the station to leave at, and by the errors so far
    for begin in reversed(range(len(stations))):
        if len(reached):
            place, ahead = stations[begin], stations[begin + 1]
            reached = _one_test_before(reached, gaps[begin], int(most[ahead]), int(sizes[place]))
        reached = np.concatenate([walking[begin : begin + 1], reached])
        passing = chances[begin][: int(most[stations[begin]]) + 1]
        accepted = reached[:, : len(passing)] @ passing
        if accepted.max() > best:
            best, found = float(accepted.max()), (begin, begin + int(accepted.argmax()))
    return found


def _walking(risks: Floats, sizes: Sizes, most: Sizes, n_counts: int) -> Floats:
    """Return the size reached on average from each size on, when all are tested (n_sizes, n_counts).

    Columns are the errors up to that size, which has passed.
    """
    reached = np.empty((len(sizes), n_counts))
    reached[-1] = sizes[-1]
    for place in reversed(range(len(sizes) - 1)):
        gap = _error_counts(risks[sizes[place] : sizes[place + 1]], n_counts)
        reached[place] = _one_test_before(reached[place + 1], gap, int(most[place + 1]), int(sizes[place]))
    return reached


def _one_test_before(reached: Floats, gap: Floats, most: int, size: int) -> Floats:
    """Return what is reached on average from `size`, where the next test allows `most` errors.

    `reached` (..., n_counts) is what is reached after that test, by errors so far; `gap` (n,) are the
    chances of 0, 1, ... further errors until it.
    """
    n_counts = reached.shape[-1]
    ahead = np.full((*reached.shape[:-1], n_counts + len(gap)), float(size))
    ahead[..., : most + 1] = reached[..., : most + 1]
    found = np.full(reached.shape, (1 - gap.sum()) * size)
    for n_more, chance in enumerate(gap.tolist()):
        found += chance * ahead[..., n_more : n_more + n_counts]
    return found


def _error_counts(risks: Floats, n_counts: int) -> Floats:
    """Return the chances of 0, 1, ... errors, at most `n_counts` of them, among audits with these risks."""
    chances = np.ones(1)
    for risk in risks.tolist():
        further = np.append(chances, 0.0) * (1 - risk)
        further[1:] += chances * risk
        chances = further[:n_counts]
    return chances[: 1 + int(np.flatnonzero(chances > NEGLIGIBLE).max(initial=0))]
