"""Comparison: a challenger beside the champion on the same samples, over all of them and label by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from goldloop.labels import LabelSet
from goldloop.metrics import Columns, Estimate, checked_weights, paired_difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger minus champion, in shares, on the samples both were judged on.

    `accuracy` has an ordinary 95 % interval. `recalls` are by label, in label-set order and without labels
    that no sample truly has; their intervals are so wide that with 95 % all of them hold at once
    [bonferroni1936]: of ten labels one would else seem to fall, by chance, every fourth time.
    """

    accuracy: Estimate
    recalls: Mapping[str, Estimate]


def compare(
    challenger_correct: npt.ArrayLike,
    champion_correct: npt.ArrayLike,
    truth: Columns,
    *,
    labels: LabelSet,
    weights: npt.ArrayLike | None = None,
) -> Comparison:
    """Return how the two differ; each is bool (n,) beside the true columns `truth` (n,), row by row.

    Raises:
        EmptyPoolError, LabelError: as `paired_difference`.
    """
    ours, theirs = np.asarray(challenger_correct, dtype=bool), np.asarray(champion_correct, dtype=bool)
    difference = paired_difference(ours, theirs, weights=weights)
    checked_w = checked_weights(weights, ours.size)
    present = np.unique(truth).tolist()
    z = float(norm.ppf(1 - 0.025 / len(present)))
    recalls = {
        labels[column]: paired_difference(ours[rows], theirs[rows], weights=checked_w[rows], z=z)
        for column in present
        for rows in [truth == column]
    }
    return Comparison(difference, recalls)
