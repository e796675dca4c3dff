"""Audited samples: blind labels of randomly drawn samples, beside the predictions of a model.

There are two views. *As first scored*: the first prediction of each sample, made before any model was trained
on it; together with `Traffic` it estimates the accuracy of the traffic. *As judged*: the predictions of one
model, usually the champion, for the whole holdout, which is never trained on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from itertools import compress
from typing import Self

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, confidence, likeliest, of_columns
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.stats.clusters import cluster_effect
from goldloop.stats.metrics import Columns, Estimate, Flags, Floats, Weights, share_estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The first prediction of every scored sample: the population from which audits are drawn.

    `probs` (N, n_labels) are calibrated, `lanes` (N,) are the lanes routing chose, `rounds` (N,) the rounds
    in which the samples were scored. `decided` (N,) are the columns of the labels that the policy takes them
    for, without it the likeliest; `stakes` (N,) is what is at stake, without it 0.
    """

    sample_ids: tuple[SampleId, ...]
    probs: Probs
    lanes: npt.NDArray[np.str_]
    rounds: npt.NDArray[np.intp]
    decided: Columns = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    stakes: Stakes = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not len(self.decided):
            object.__setattr__(self, "decided", likeliest(self.probs))
        if not len(self.stakes):
            object.__setattr__(self, "stakes", np.zeros(len(self.probs)))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.lanes)

    @property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Largest probability of each row, (N,)."""
        return confidence(self.probs)

    @property
    def decided_confidence(self) -> npt.NDArray[np.float64]:
        """Probability of the label that each sample is taken for, (N,)."""
        return of_columns(self.probs, self.decided)

    def where(self, rows: npt.NDArray[np.bool_]) -> Self:
        """Return the samples for which `rows`, bool (N,), is true."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: values[rows] for name, values in columns.items() if name != "sample_ids"}
        return replace(self, sample_ids=tuple(compress(self.sample_ids, rows.tolist())), **kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited(Traffic):
    """Randomly drawn samples with true labels and predictions, in the same order.

    `truth` (n,) are label-set columns, `weights` (n,) are inverse inclusion probabilities, of which only the
    ratios matter. Samples of one author or thread have the same entry in `clusters` (n,); without it, each
    sample belongs to itself. As judged, `lanes` are "" and `rounds` -1.
    """

    truth: Columns
    weights: Weights
    clusters: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))

    def __post_init__(self) -> None:
        super(Audited, self).__post_init__()
        if not len(self.clusters):
            object.__setattr__(self, "clusters", np.array(self.sample_ids, dtype=np.str_))

    @property
    def is_right(self) -> Flags:
        """Whether the likeliest label is the true one, (n,)."""
        return np.asarray(likeliest(self.probs) == self.truth, dtype=bool)

    @property
    def is_decided_right(self) -> Flags:
        """Whether the label that each sample is taken for is the true one, (n,)."""
        return np.asarray(self.decided == self.truth, dtype=bool)

    def with_others(self, others: Self) -> Self:
        """Return these samples, and after them those of `others` that are not among them."""
        known = set(self.sample_ids)
        new = others.where(np.array([one not in known for one in others.sample_ids], dtype=bool))
        columns = {field.name for field in fields(self)} - {"sample_ids"}
        joined = {name: np.concatenate([getattr(self, name), getattr(new, name)]) for name in columns}
        return replace(self, sample_ids=(*self.sample_ids, *new.sample_ids), **joined)

    def share(self, hits: npt.ArrayLike) -> Estimate:
        """Return the share of `hits`, bool (n,).

        Raises:
            EmptyPoolError: there are no samples.
        """
        return share_estimate(hits, weights=self.weights, clusters=self.clusters)

    def wrong_share(self) -> Estimate | None:
        """Return the share of samples that are taken for a wrong label, None without samples."""
        return self.share(~self.is_decided_right) if len(self) else None

    def cluster_effect(self, deviations: Floats) -> float:
        """Return the factor of the variance of a mean of values with these `deviations` (n,) from it."""
        return cluster_effect(deviations, self.weights, self.clusters)


def clusters_of(records: Iterable[GoldRecord]) -> npt.NDArray[np.str_]:
    """Return what each sample belongs to, (n,): its entity, or else itself."""
    return np.array([record.entity or record.sample_id for record in records], dtype=np.str_)


def audited_traffic(traffic: Traffic, gold: Iterable[GoldRecord], labels: LabelSet) -> Audited:
    """Return the audited samples of `traffic`, from validation and holdout, in the order of `traffic`.

    Both splits may be used: no model was fitted on a sample before the sample's first prediction.
    """
    records = {
        record.sample_id: record
        for record in gold
        if record.purpose is Purpose.AUDIT and record.inclusion_probability
    }
    drawn = traffic.where(np.array([sample_id in records for sample_id in traffic.sample_ids], dtype=bool))
    audits = [records[sample_id] for sample_id in drawn.sample_ids]
    return Audited(
        sample_ids=drawn.sample_ids,
        truth=np.array([labels.column(record.label) for record in audits], dtype=np.intp),
        probs=drawn.probs,
        weights=np.array([1 / (record.inclusion_probability or 1) for record in audits]),
        clusters=clusters_of(audits),
        lanes=drawn.lanes,
        rounds=drawn.rounds,
        decided=drawn.decided,
        stakes=drawn.stakes,
    )
