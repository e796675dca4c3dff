"""Comparison: the accuracies of two models on the same samples, over all labels and for each label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.means import mean_estimate
from goldloop.stats.metrics import (
    Z_95,
    Columns,
    Estimate,
    checked_weights,
    effective_sample_size,
    effective_size,
)


@dataclass(frozen=True, slots=True)
class Consequences:
    """What the decisions that follow from a model come to on n samples.

    `losses` (n,) are in currency per 1,000 samples: errors and the time of annotators. `is_missed` (n,) tells
    which samples nobody looks at and are taken for a wrong label.
    """

    losses: npt.NDArray[np.float64]
    is_missed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LossComparison:
    """What the decisions of the challenger cost on the same samples as those of the champion.

    `saving` is the loss of the champion, `champion`, minus that of the challenger, both in currency per 1,000
    samples. `caught` maps label to the share of its samples that are not missed, challenger minus champion,
    in label-set order and without labels that no sample has. `caught_in_train` is the same share of train
    samples that the champion did not learn from, for labels with too few samples to compare on.
    """

    saving: Estimate
    champion: float
    caught: Mapping[str, Estimate]
    caught_in_train: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Accuracy and recalls of the challenger minus those of the champion, as shares, on the same samples.

    `accuracy` has a 95 % interval. `recalls` maps label to difference, in label-set order, without labels
    that no sample has. Their intervals hold jointly with 95 % [bonferroni1936]: with ten separate 95 %
    intervals, a recall would seem to fall by chance in every fourth comparison. `loss` compares what the
    decisions cost, None where that is not asked.
    """

    accuracy: Estimate
    recalls: Mapping[str, Estimate]
    loss: LossComparison | None = None


def compare(
    challenger_correct: npt.ArrayLike,
    champion_correct: npt.ArrayLike,
    truth: Columns,
    *,
    labels: LabelSet,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Comparison:
    """Return the differences between two models on n samples.

    `challenger_correct` and `champion_correct` are bool (n,), `truth` (n,) are the true columns, `weights`
    (n,) inverse inclusion probabilities and `clusters` (n,) what samples belong to, all in the same order.

    >>> truth = np.array([0] * 50 + [1] * 50)
    >>> challenger, champion = [1] * 90 + [0] * 10, [1] * 75 + [0] * 25
    >>> comparison = compare(challenger, champion, truth, labels=LabelSet.of(["cat", "dog"]))
    >>> print(comparison.accuracy)
    0.150 [0.07, 0.22], n=100
    >>> {label: str(recall) for label, recall in comparison.recalls.items()}
    {'cat': '0.000 [-0.06, 0.06], n=50', 'dog': '0.300 [0.14, 0.44], n=50'}

    Raises:
        EmptyPoolError, LabelError: as `paired_difference`.
    """
    ours, theirs = np.asarray(challenger_correct, dtype=bool), np.asarray(champion_correct, dtype=bool)
    accuracy = paired_difference(ours, theirs, weights=weights, clusters=clusters)
    checked_w = checked_weights(weights, ours.size)
    together = np.arange(ours.size) if clusters is None else np.asarray(clusters)
    present = np.unique(truth).tolist()
    z = float(norm.ppf(1 - 0.025 / len(present)))
    recalls = {
        labels[column]: paired_difference(
            ours[rows], theirs[rows], weights=checked_w[rows], clusters=together[rows], z=z
        )
        for column in present
        for rows in [truth == column]
    }
    return Comparison(accuracy, recalls)


def compare_losses(
    challenger: Consequences,
    champion: Consequences,
    truth: Columns,
    *,
    labels: LabelSet,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> LossComparison:
    """Return what the decisions of two models cost on n samples, whose arguments are as for `compare`.

    >>> losses = np.array([0.0, 0.0, 300.0, 0.0])
    >>> ours = Consequences(losses * 0, losses < 0)
    >>> theirs = Consequences(losses, losses > 0)
    >>> truth, labels = np.array([0, 0, 1, 0]), LabelSet.of(["genuine", "fraud"])
    >>> compared = compare_losses(ours, theirs, truth, labels=labels)
    >>> compared.saving.value, compared.champion, compared.caught["fraud"].value
    (75.0, 75.0, 1.0)

    Raises:
        EmptyPoolError, LabelError: as `paired_difference`.
    """
    caught = compare(
        ~challenger.is_missed, ~champion.is_missed, truth, labels=labels, weights=weights, clusters=clusters
    ).recalls
    saved = champion.losses - challenger.losses
    return LossComparison(
        saving=mean_estimate(saved, weights=weights, clusters=clusters),
        champion=mean_estimate(champion.losses, weights=weights, clusters=clusters).value,
        caught=caught,
    )


def paired_interval(
    gained: float, lost: float, n_effective: float, *, z: float = Z_95
) -> tuple[float, float]:
    """Return the adjusted Wald interval of `gained` - `lost` [bonettprice2012].

    `gained` and `lost` are the shares of samples that only the first, or only the second, of two models gets
    right. The method adds one sample to each. `z` is the normal quantile (default: 95 %).
    """
    up = (gained * n_effective + 1) / (n_effective + 2)
    down = (lost * n_effective + 1) / (n_effective + 2)
    half = z * sqrt((up + down - (up - down) ** 2) / (n_effective + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def paired_difference(
    challenger_correct: npt.ArrayLike,
    champion_correct: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    z: float = Z_95,
) -> Estimate:
    """Return the accuracy of the challenger minus that of the champion, in [-1, 1].

    Both arguments are bool (n,), in the same order of samples. For 10 to 300 samples and 2 to 40 %
    disagreement, `paired_interval` covers at least 93.6 %, and its lower end alone at least 97.5 % (exact
    enumeration; Tango's score interval: 95.6 %; the coverage of Agresti and Min's Wald+2: 88.5 %). Two models
    that never disagree get an interval of about +-2.8 / n.

    Raises:
        EmptyPoolError: there are no samples.
        LabelError: the two do not have the same shape (n,).
    """
    ours = np.asarray(challenger_correct, dtype=bool)
    theirs = np.asarray(champion_correct, dtype=bool)
    if ours.ndim != 1 or ours.shape != theirs.shape:
        raise LabelError(
            f"the challenger was evaluated on {ours.shape} samples, the champion on {theirs.shape}; "
            "score both on the same holdout"
        )
    if ours.size == 0:
        raise EmptyPoolError(
            "cannot compare models: the holdout is empty (0 samples); label some audit samples, then run "
            "`goldloop pull`"
        )
    parts = checked_weights(weights, ours.size)
    parts = parts / parts.sum()
    gained, lost = float(parts[ours & ~theirs].sum()), float(parts[theirs & ~ours].sum())
    value = gained - lost
    deviations = ours.astype(float) - theirs - value
    n_effective, _ = effective_size(
        np.square(parts * deviations),
        variance=gained + lost - value**2,
        expected=len(parts) / effective_sample_size(parts),
        cluster_effect=cluster_effect(deviations, parts, clusters),
    )
    low, high = paired_interval(gained, lost, n_effective, z=z)
    return Estimate(value, min(value, low), max(value, high), n=ours.size)
