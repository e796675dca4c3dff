"""Audited samples: what people, blind, say of randomly drawn samples, beside what a model said of them.

Two views of them answer two questions. *As first scored*: what came of the traffic as it arrived; the
population is known, every sample's first prediction is kept, and nothing has been learnt from it by then.
*As judged*: what one model, today's champion, says of the whole holdout, which it never learnt from.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.gold import GoldRecord
from goldloop.labels import LabelSet
from goldloop.metrics import Columns, Flags, Weights
from goldloop.ports import Tables
from goldloop.predictions import Probs, confidence, restored
from goldloop.samples import SampleId
from goldloop.splits import Split
from goldloop.tasks import Purpose


@dataclass(frozen=True, slots=True)
class Audited:
    """Randomly drawn samples with their true label and what was said of them, row by row.

    `truth` (n,) are label-set columns, `probs` (n, n_labels) calibrated, `weights` (n,) inverse inclusion
    probabilities; only their ratios count. `lanes` (n,) hold the lane of the decision, `rounds` (n,) the
    round in which the sample was scored; as judged these mean nothing and are "" and -1.
    """

    sample_ids: tuple[SampleId, ...]
    truth: Columns
    probs: Probs
    weights: Weights
    lanes: npt.NDArray[np.str_]
    rounds: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.truth)

    @property
    def is_right(self) -> Flags:
        """Whether the likeliest label is the true one, (n,)."""
        return np.asarray(self.probs.argmax(axis=1) == self.truth, dtype=bool)

    @property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Largest probability of each row, (n,)."""
        return confidence(self.probs)

    def where(self, rows: npt.NDArray[np.bool_]) -> Audited:
        """Return the samples whose entry in `rows` (n,) is true."""
        kept = np.flatnonzero(rows)
        return Audited(
            tuple(self.sample_ids[row] for row in kept.tolist()),
            self.truth[kept],
            self.probs[kept],
            self.weights[kept],
            self.lanes[kept],
            self.rounds[kept],
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """Every sample a model has scored, as it was first scored: the population audits are drawn from.

    `probs` (N, n_labels), `lanes` (N,), `policies` (N,) versions of the policy that decided, `rounds` (N,).
    """

    sample_ids: tuple[SampleId, ...]
    probs: Probs
    lanes: npt.NDArray[np.str_]
    policies: npt.NDArray[np.str_]
    rounds: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.lanes)

    def where(self, rows: npt.NDArray[np.bool_]) -> Traffic:
        """Return the samples whose entry in `rows` (N,) is true."""
        kept = np.flatnonzero(rows)
        return Traffic(
            tuple(self.sample_ids[row] for row in kept.tolist()),
            self.probs[kept],
            self.lanes[kept],
            self.policies[kept],
            self.rounds[kept],
        )


def read_traffic(tables: Tables, labels: LabelSet, model_version: str | None = None) -> Traffic:
    """Return the first prediction of every sample by any model, in order of sample_id.

    With `model_version` only the samples that this model was the first to score.
    """
    names = ["sample_id", "scored_at", "lane", "policy", "label", "probs", "model_version"]
    rows = tables.predictions.read(names).filter(pc.field("label").is_valid()).sort_by("scored_at")
    number = pa.array(range(len(rows)), pa.int64())
    first = rows.select(["sample_id"]).append_column("row", number)
    first = first.group_by("sample_id").aggregate([("row", "min")])
    rows = rows.take(first["row_min"]).sort_by("sample_id")
    if model_version is not None:
        rows = rows.filter(pc.field("model_version") == model_version)
    closed = sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist())
    return Traffic(
        sample_ids=tuple(SampleId(one) for one in rows["sample_id"].to_pylist()),
        probs=stored_probs(rows["probs"].to_pylist(), labels),
        lanes=np.array(rows["lane"].to_pylist(), dtype=str),
        policies=np.array(rows["policy"].to_pylist(), dtype=str),
        rounds=np.array(
            [bisect.bisect_left(closed, moment) for moment in rows["scored_at"].to_pylist()], dtype=np.intp
        ),
    )


def audited_traffic(traffic: Traffic, gold: Iterable[GoldRecord], labels: LabelSet) -> Audited:
    """Return the audited samples of `traffic`, validation and holdout alike, in its order.

    Both count here: nothing was ever fitted on them before they were first scored.
    """
    places = {sample_id: place for place, sample_id in enumerate(traffic.sample_ids)}
    drawn = {
        places[one.sample_id]: one
        for one in gold
        if one.purpose is Purpose.AUDIT and one.inclusion_probability and one.sample_id in places
    }
    rows = np.array(sorted(drawn), dtype=np.intp)
    return Audited(
        sample_ids=tuple(traffic.sample_ids[row] for row in rows.tolist()),
        truth=np.array([labels.column(drawn[row].label) for row in rows.tolist()], dtype=np.intp),
        probs=traffic.probs[rows],
        weights=np.array([1 / (drawn[row].inclusion_probability or 1) for row in rows.tolist()]),
        lanes=traffic.lanes[rows],
        rounds=traffic.rounds[rows],
    )


def judged_by(tables: Tables, gold: Iterable[GoldRecord], labels: LabelSet, model_version: str) -> Audited:
    """Return the holdout as `model_version` last judged it; samples it never met are missing."""
    rows = tables.judgements.read(["sample_id", "model_version", "probs", "judged_at"])
    rows = rows.filter(pc.field("model_version") == model_version).sort_by("judged_at")
    said: Mapping[str, list[float]] = dict(
        zip(rows["sample_id"].to_pylist(), rows["probs"].to_pylist(), strict=True)
    )
    holdout = sorted(
        (one for one in gold if one.split is Split.HOLDOUT and one.sample_id in said),
        key=lambda one: one.sample_id,
    )
    n = len(holdout)
    return Audited(
        sample_ids=tuple(one.sample_id for one in holdout),
        truth=np.array([labels.column(one.label) for one in holdout], dtype=np.intp),
        probs=stored_probs([said[one.sample_id] for one in holdout], labels),
        weights=np.array([1 / (one.inclusion_probability or 1) for one in holdout], dtype=np.float64),
        lanes=np.full(n, "", dtype="<U6"),
        rounds=np.full(n, -1, dtype=np.intp),
    )


def stored_probs(rows: list[list[float]], labels: LabelSet) -> Probs:
    """Return stored rows as probs (n, n_labels); labels that are newer than a row have probability 0."""
    padded = np.zeros((len(rows), len(labels)))
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return restored(padded)
