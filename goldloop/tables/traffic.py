"""Traffic: the named queries on what models predicted for all samples, and for the holdout."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.audit.audited import Audited, Traffic, audited_traffic, clusters_of
from goldloop.core.error_costs import Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, column_names, likeliest, stored_probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.table_ports import Table, Tables
from goldloop.gold.records import GoldRecord
from goldloop.routing.outcomes import under
from goldloop.routing.settle import PolicyEvidence
from goldloop.tables import codec
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import closing_times, current_round
from goldloop.training.evaluate import HoldoutEvaluation


def read_traffic(tables: Tables, labels: LabelSet, model_version: str | None = None) -> Traffic:
    """Return the first prediction of every sample by any model, in order of sample_id.

    With `model_version` only the samples that this model was the first to score.
    """
    rows = _predicted(tables)
    first = _one_for_each_sample(rows, which="min")
    if model_version is not None:
        first = first.filter(pc.field("model_version") == model_version)
    return _traffic(first, first["scored_at"].to_pylist(), tables, labels)


def read_present_lanes(tables: Tables, labels: LabelSet) -> Traffic:
    """Return the newest prediction and lane of every sample, in order of sample_id.

    A sample belongs to the round in which a model scored it first.
    """
    rows = _predicted(tables)
    first, newest = (_one_for_each_sample(rows, which=which) for which in ("min", "max"))
    return _traffic(newest, first["scored_at"].to_pylist(), tables, labels)


def _predicted(tables: Tables) -> pa.Table:
    """Return the predictions that models made, oldest first."""
    names = ["sample_id", "scored_at", "lane", "label", "probs", "label_names", "model_version"]
    names += ["decided", "stake"]
    return tables.predictions.read(names).filter(pc.field("label").is_valid()).sort_by("scored_at")


def _one_for_each_sample(rows: pa.Table, *, which: Literal["min", "max"]) -> pa.Table:
    return codec.one_for_each(["sample_id"], rows, which=which).sort_by("sample_id")


def _traffic(rows: pa.Table, scored_at: Sequence[datetime], tables: Tables, labels: LabelSet) -> Traffic:
    """Return `rows` as traffic; a row belongs to the round that was open at its `scored_at`."""
    closed = closing_times(tables.rounds)
    rounds = [bisect.bisect_left(closed, moment) for moment in scored_at]
    probs = stored_probs(rows["probs"].to_pylist(), rows["label_names"].to_pylist(), labels)
    return Traffic(
        sample_ids=tuple(SampleId(sample_id) for sample_id in rows["sample_id"].to_pylist()),
        probs=probs,
        decided=_columns(rows["decided"].to_pylist(), probs, labels),
        stakes=_stakes(rows["stake"].to_pylist()),
        lanes=np.array(rows["lane"].to_pylist(), dtype=str),
        rounds=np.array(rounds, dtype=np.intp),
    )


def _columns(names: Sequence[str | None], probs: Probs, labels: LabelSet) -> npt.NDArray[np.intp]:
    """Return the columns of the labels that samples were taken for; where none is kept, the likeliest."""
    usual = likeliest(probs)
    pairs = zip(names, usual.tolist(), strict=True)
    known = {name: labels.column(name) for name in labels}
    return np.array([known.get(name or "", top) for name, top in pairs], dtype=np.intp)


def _stakes(values: Sequence[float | None]) -> Stakes:
    return np.array([value or 0.0 for value in values], dtype=np.float64)


def evaluated_holdout(
    tables: Tables, gold: Iterable[GoldRecord], labels: LabelSet, model_version: str
) -> Audited:
    """Return the holdout as `model_version` last evaluated it; samples without its evaluation are missing."""
    names = ["sample_id", "model_version", "probs", "label_names", "evaluated_at", "stake"]
    rows = tables.evaluations.read(names)
    rows = rows.filter(pc.field("model_version") == model_version).sort_by("evaluated_at")
    evaluated = codec.column_values(rows, "sample_id", "probs", "label_names", "stake")
    probs_of = {sample_id: stored for sample_id, *stored in evaluated}
    holdout = sorted(
        (record for record in gold if record.split is Split.HOLDOUT and record.sample_id in probs_of),
        key=lambda record: record.sample_id,
    )
    n, stored = len(holdout), [probs_of[record.sample_id] for record in holdout]
    return Audited(
        sample_ids=tuple(record.sample_id for record in holdout),
        truth=np.array([labels.column(record.label) for record in holdout], dtype=np.intp),
        probs=stored_probs([probs for probs, *_ in stored], [names for _, names, _ in stored], labels),
        stakes=_stakes([stake for *_, stake in stored]),
        weights=np.array([1 / (record.inclusion_probability or 1) for record in holdout], dtype=np.float64),
        clusters=clusters_of(holdout),
        lanes=np.full(n, "", dtype="<U6"),
        rounds=np.full(n, -1, dtype=np.intp),
    )


def save_evaluation(
    evaluations: Table, evaluation: HoldoutEvaluation, labels: LabelSet, *, at: datetime
) -> None:
    """Append a row for each model and holdout sample, whose probs have columns in the order of `labels`."""
    evaluations.append(
        [
            {
                "sample_id": sample_id,
                "model_version": model,
                "gold_version": evaluation.gold_version,
                "probs": probs.tolist(),
                "evaluated_at": at,
                "label_names": column_names(labels),
                "stake": stake,
            }
            for model, rows in sorted(evaluation.probs.items())
            for sample_id, probs, stake in zip(
                evaluation.sample_ids, rows, evaluation.stakes.tolist(), strict=True
            )
        ]
    )


def policy_evidence(
    tables: Tables, gold: Collection[GoldRecord], labels: LabelSet, model_version: str
) -> PolicyEvidence:
    """Return what audits show about `model_version`, and the policy in force for it."""
    traffic = read_traffic(tables, labels, model_version)
    entry = PolicyLog(tables.policies).in_force(model_version)
    return PolicyEvidence(
        holdout=evaluated_holdout(tables, gold, labels, model_version),
        traffic=audited_traffic(traffic, gold, labels),
        open_round=current_round(tables),
        in_force=None if entry is None else entry.policy,
    )


def present_audits(
    tables: Tables, gold: Collection[GoldRecord], labels: LabelSet, present: Traffic, champion: str | None
) -> Audited:
    """Return the audits that judge the labels of `present`, with the lanes of the policy in force.

    They are those of the champion: the holdout as it was evaluated on it, and audits that it was the first to
    score. Those that were asked about before any model had scored them count in the first round. Without a
    champion, or a policy for it, they are audits with their newest prediction.
    """
    entry = None if champion is None else PolicyLog(tables.policies).in_force(champion)
    if champion is None or entry is None:
        return audited_traffic(present, gold, labels)
    audits = policy_evidence(tables, gold, labels, champion).audits
    rounds = dict(zip(present.sample_ids, present.rounds.tolist(), strict=True))
    return replace(
        under(entry.policy, audits),
        rounds=np.array([rounds.get(one, 0) for one in audits.sample_ids], dtype=np.intp),
    )
