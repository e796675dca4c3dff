"""LabelIssues: gold labels that a model which never saw them finds unlikely.

Confident learning [northcutt2021]: a sample is counted for a label when its probability reaches the average
probability that samples *of that label* have for it. Who is counted for another label than its own is a
issue. They go back to people as blind second looks; the model only says where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.chance import permanent_random
from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, checked_probs
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import checked_columns

Columns = npt.NDArray[np.intp]
Rows = npt.NDArray[np.intp]
"""Positions (n,) of samples, in the order the caller gave them."""

FitAndScore = Callable[[Rows, Rows], Probs]
"""Trains on the samples at the first rows and returns probs (n, n_labels) of those at the second."""


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A gold label in doubt. `self_confidence` is its cross-validated probability; rank 1 is most issue."""

    rank: int
    sample_id: SampleId
    label: str
    suggested_label: str
    self_confidence: float


def find_label_issues(
    sample_ids: Sequence[SampleId],
    columns: npt.ArrayLike,
    probs: npt.ArrayLike,
    *,
    labels: LabelSet,
    n_max: int | None = None,
) -> list[LabelIssue]:
    """Return the samples counted for another label than their own, most issue first, at most `n_max`.

    What the model still finds likeliest is no issue, however far it stays below its label's average.

    Row by row: `columns` (n,) are the gold labels, `probs` (n, n_labels) come from models that did not train
    on the sample (`cross_validated_probs`). The order is that of the gold label's probability, ties going by
    sample_id: on real people's answers its first 500 held more wrong labels than those of the margin
    (scripts/bench/labels/label_errors.py).

    Raises:
        LabelError, InvalidProbabilitiesError: the rows do not fit each other or the label set.
    """
    given = checked_columns(columns, n_labels=len(labels))
    checked = checked_probs(probs, labels)
    if not len(sample_ids) == len(given) == len(checked):
        raise LabelError(
            f"{len(sample_ids)} samples, {len(given)} labels and {len(checked)} rows of probs do not fit; "
            "give one of each for every sample"
        )
    counted = _counted_for(given, checked)
    own = checked[np.arange(len(given)), given]
    is_suspect = (counted != given) & (own < checked.max(axis=1, initial=0.0))
    ranked = sorted(np.flatnonzero(is_suspect).tolist(), key=lambda row: (own[row], sample_ids[row]))
    return [
        LabelIssue(rank, sample_ids[row], labels[given[row]], labels[counted[row]], float(own[row]))
        for rank, row in enumerate(ranked[:n_max], start=1)
    ]


def _counted_for(given: Columns, probs: Probs) -> Columns:
    """Return the label each row is counted for: the likeliest that reaches its threshold, else its own.

    A label without samples has no threshold, and nothing is counted for it.
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
    fit: FitAndScore,
    n_folds: int,
    seed: int,
) -> Probs:
    """Return probs (n, n_labels) of each sample by a model trained on the other folds.

    Near-duplicates (`groups`) share a fold, or a copy in train would tell the model its own wrong label.

    Raises:
        EmptyPoolError: there are fewer groups than folds.
    """
    given = checked_columns(columns, n_labels=len(labels))
    folds = fold_of(given, groups, n_folds=n_folds, seed=seed)
    probs = np.zeros((len(given), len(labels)))
    for fold in range(n_folds):
        held_out = np.flatnonzero(folds == fold)
        probs[held_out] = checked_probs(fit(np.flatnonzero(folds != fold), held_out), labels)
    return probs


def fold_of(columns: npt.ArrayLike, groups: Sequence[str], *, n_folds: int, seed: int) -> Rows:
    """Return the fold (n,) of each sample: whole groups, dealt out by chance label by label.

    The folds differ by few samples of any label, as far as groups allow. A group goes by the label that its
    first sample has.

    Raises:
        EmptyPoolError: there are fewer groups than folds.
    """
    given = np.asarray(columns)
    label_of_group: dict[str, int] = {}
    for column, group in zip(given.tolist(), groups, strict=True):
        label_of_group.setdefault(group, column)
    if len(label_of_group) < n_folds:
        raise EmptyPoolError(
            f"{len(label_of_group)} groups of samples cannot make {n_folds} folds; label more samples first"
        )
    dealt = sorted(
        label_of_group,
        key=lambda group: (label_of_group[group], permanent_random(SampleId(group), seed, "folds")),
    )
    fold = {group: place % n_folds for place, group in enumerate(dealt)}
    return np.array([fold[group] for group in groups], dtype=np.intp)
