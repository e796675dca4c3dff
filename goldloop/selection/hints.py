"""Hints: known samples of rare labels that the user gives, and what of the unlabeled pool is nearest to them.

A rare label is met late by chance, and late by a model that has never seen it. Hints steer a bounded share of
the choice towards it; they are no gold, and no model learns from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from goldloop.core.candidates import Candidates
from goldloop.core.modality import Features
from goldloop.core.predictions import Candidate
from goldloop.core.samples import SampleId
from goldloop.stats.features import signed_roots

RARE_BELOW = 10
"""Gold samples from which on a label is no longer rare: a model has then learnt what it looks like."""

HINTED_SHARE = 0.2
"""Largest share of the samples that models learn from, of one choice, that hints may steer."""

MOST_SEARCHED = 100_000
"""Samples that are compared with hints, a draw of a larger pool; their features take 256 MB to read."""

_AT_ONCE = 4096  # samples whose features are in memory


@dataclass(frozen=True, slots=True)
class LabelHints:
    """The hints of one label: their `features` (n_hints, d), none below 0, and its number of gold samples."""

    label: str
    features: npt.NDArray[np.float16]
    n_gold: int

    @property
    def is_steering(self) -> bool:
        """Whether they steer choices: the label is rare, and there are features to compare."""
        return self.n_gold < RARE_BELOW and len(self.features) > 0


def nearest_to_hints(
    candidates: Candidates,
    n: int,
    hints: Iterable[LabelHints],
    *,
    features_of: Callable[[Iterable[SampleId]], Features],
) -> list[Candidate]:
    """Return at most HINTED_SHARE of `n` of `candidates`, the nearest to `hints`, with the label as `hint`.

    Labels take turns, those with the least gold first, and of a label its hints do; each gives the nearest
    sample that is left. The first MOST_SEARCHED of `candidates` that have features are compared, by the angle
    between square roots of features about their mean, as heads and strategies see them.
    """
    steering = sorted((one for one in hints if one.is_steering), key=lambda one: (one.n_gold, one.label))
    n_hinted = int(HINTED_SHARE * n)
    if not steering or not n_hinted:
        return []
    rows = np.concatenate([one.features for one in steering])
    known, likeness = _likeness(candidates[:MOST_SEARCHED], rows, features_of)
    orders = iter(np.argsort(-likeness, axis=0, kind="stable").T[:, :n_hinted])
    turns = [chain.from_iterable(zip(*(next(orders) for _ in one.features), strict=True)) for one in steering]
    chosen: dict[int, str] = {}
    while len(chosen) < n_hinted and turns:
        left = []
        for one, turn in zip(steering, turns, strict=True):
            row = _next(turn, chosen)
            if row is not None and len(chosen) < n_hinted:
                chosen[row] = one.label
                left.append((one, turn))
        steering, turns = [one for one, _ in left], [turn for _, turn in left]
    return [replace(candidates[known[row]], hint=label) for row, label in chosen.items()]


def _next(turn: Iterator[int], taken: dict[int, str]) -> int | None:
    return next((row for row in turn if row not in taken), None)


def _likeness(
    candidates: Candidates,
    hints: npt.NDArray[np.float16],
    features_of: Callable[[Iterable[SampleId]], Features],
) -> tuple[list[int], npt.NDArray[np.float32]]:
    """Return the rows of candidates with features, and the cosine of each to each hint, (n_known, n_hints).

    The centre is that of the first samples, which are a random draw.
    """
    known: list[int] = []
    parts: list[npt.NDArray[np.float32]] = [np.empty((0, len(hints)), dtype=np.float32)]
    centre: npt.NDArray[np.float32] | None = None
    ids = candidates.sample_ids
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        features = features_of(part)
        found = [place for place, sample_id in enumerate(part) if sample_id in features]
        if not found:
            continue
        roots = signed_roots(np.stack([features[part[place]] for place in found]).astype(np.float32))
        centre = roots.mean(axis=0) if centre is None else centre
        of_hints = signed_roots(hints.astype(np.float32)) - centre
        parts.append(np.asarray(_of_length_one(roots - centre) @ _of_length_one(of_hints).T))
        known += [start + place for place in found]
    return known, np.concatenate(parts)


def _of_length_one(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-6), dtype=np.float32)
