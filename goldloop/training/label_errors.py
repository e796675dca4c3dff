"""Label errors: gold labels that a model finds unlikely although it was not trained on them.

Confident learning [northcutt2021]: a sample counts for a label when its probability reaches the average
probability that samples of that label have for it. A sample that counts for another label than its own is a
label issue. Label issues go back to annotators, who answer blind.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, checked_probs
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import Columns, checked_columns

Rows = npt.NDArray[np.intp]
"""Positions (n,) of samples, in the order the caller gave them."""


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A gold label in doubt. `self_confidence` is its cross-validated probability; rank 1 has the lowest."""

    rank: int
    sample_id: SampleId
    label: str
    suggested_label: str
    self_confidence: float


def find_label_issues(
    sample_ids: Sequence[SampleId], columns: npt.ArrayLike, probs: npt.ArrayLike, *, labels: LabelSet
) -> list[LabelIssue]:
    """Return the samples that count for another label than their own.

    A label that the model finds likeliest is no issue, however far it stays below its label's average.

    Row by row: `columns` (n,) are the gold labels, `probs` (n, n_labels) come from models that were not
    trained on the sample (`cross_validated_probs`). The order is that of the gold label's probability, lowest
    first, ties by sample_id: on real answers its first 500 held more wrong labels than those of the margin
    (scripts.bench.labels --part label_errors).

    Raises:
        LabelError, InvalidProbabilitiesError: the rows do not fit each other or the label set.
    """
    given = checked_columns(columns, n_labels=len(labels))
    checked = checked_probs(probs, labels)
    if not len(sample_ids) == len(given) == len(checked):
        raise LabelError(
            f"{len(sample_ids)} samples, {len(given)} labels and {len(checked)} rows of probs do not match. "
            "Give one label and one row for each sample."
        )
    counted = _counted_for(given, checked)
    own = checked[np.arange(len(given)), given]
    is_issue = (counted != given) & (own < checked.max(axis=1, initial=0.0))
    ranked = sorted(np.flatnonzero(is_issue).tolist(), key=lambda row: (own[row], sample_ids[row]))
    return [
        LabelIssue(rank, sample_ids[row], labels[given[row]], labels[counted[row]], float(own[row]))
        for rank, row in enumerate(ranked, start=1)
    ]


def _counted_for(given: Columns, probs: Probs) -> Columns:
    """Return the label each row counts for: the likeliest that reaches its threshold, else its own.

    A label without samples has no threshold, and no row counts for it.
    """
    thresholds = np.full(probs.shape[1], np.inf)
    for column in np.unique(given):
        thresholds[column] = probs[given == column, column].mean()
    reached = np.where(probs >= thresholds, probs, -1.0)
    best = reached.argmax(axis=1) if len(given) else given
    rows = np.arange(len(given))
    is_own = (reached[rows, best] < 0) | (reached[rows, best] == reached[rows, given])
    return np.where(is_own, given, best)


def cross_validated_probs(
    columns: npt.ArrayLike,
    groups: Sequence[str],
    *,
    labels: LabelSet,
    fit: Callable[[Rows, Rows], Probs],
    n_folds: int,
    seed: int,
) -> Probs:
    """Return probs (n, n_labels) of each sample by a model trained on the other folds.

    `fit` trains on the samples at its first rows and returns the probs of those at its second.
    Near-duplicates (`groups`) share a fold: a copy in train would teach the model its own wrong label. Each
    label is spread over the folds as evenly as the groups allow.

    Raises:
        EmptyPoolError: there are fewer groups than folds, or no label with as many samples as folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    given = checked_columns(columns, n_labels=len(labels))
    n_groups, n_most = len(set(groups)), int(np.bincount(given).max(initial=0))
    if min(n_groups, n_most) < n_folds:
        raise EmptyPoolError(
            f"{n_folds} folds need at least {n_folds} groups of near-duplicates and a label with {n_folds} "
            f"samples, got {n_groups} groups and at most {n_most} samples of a label. Label more samples."
        )
    probs = np.zeros((len(given), len(labels)))
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # a label with fewer samples than folds is missing from some folds, which is fine
        warnings.filterwarnings("ignore", "The least populated class")
        folds = list(splitter.split(given, given, groups))
    for train, held_out in folds:
        if len(held_out):
            probs[held_out] = checked_probs(fit(train, held_out), labels)
    return probs
