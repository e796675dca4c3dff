"""Evidence: everything the tables know about the samples that people were asked about."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.consensus.evidence import SampleEvidence, make_evidence
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Tables
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key
from goldloop.settings import Settings
from goldloop.tables.answer_requests import AnswerRequests
from goldloop.tables.task_log import TaskLog


def read_answers(tables: Tables, task_log: TaskLog, labels: LabelSet) -> list[Answer]:
    """Return every answer and skip on a live task, by annotation id, but for labels outside the label set."""
    live = {key for key, one in task_log.statuses().items() if one.is_live}
    plans = task_log.plans(live)
    closed = sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist())
    rows = tables.annotations.read()
    rows = rows.filter(pc.field("status").isin(pa.array(["answer", "skip"], pa.string())))
    found = []
    for row in rows.sort_by("annotation_id").to_pylist():
        plan = plans.get(row["key"])
        if plan is None or (row["label"] is not None and row["label"] not in labels):
            continue
        sample_id, purpose = split_key(row["key"])
        found.append(
            Answer(
                annotation_id=row["annotation_id"],
                sample_id=sample_id,
                purpose=purpose,
                annotator=row["annotator"],
                label=row["label"],
                reason=row["reason"],
                round=bisect.bisect_left(closed, row["created_at"]),
                created_at=row["created_at"],
                updated_at=row["updated_at"],
                lead_time_s=row["lead_time_s"],
                suggested_label=row["shown_label"] or plan["suggested_label"],
                is_shown=row["shown_label"] is not None,
            )
        )
    return found


def read_evidence(
    tables: Tables,
    task_log: TaskLog,
    answer_requests: AnswerRequests,
    answers: Iterable[Answer],
    settings: Settings,
) -> list[SampleEvidence]:
    """Return a evidence of every sample with a live task whose answers vote, in order of sample_id."""
    live = [key for key, one in task_log.statuses().items() if one.is_live]
    plans: dict[SampleId, dict[Purpose, dict[str, Any]]] = {}
    for key, plan in task_log.plans(live).items():
        sample_id, purpose = split_key(key)
        plans.setdefault(sample_id, {})[purpose] = plan
    by_sample: dict[SampleId, list[Answer]] = {}
    for answer in answers:
        by_sample.setdefault(answer.sample_id, []).append(answer)
    probs = _probs(tables, plans, settings.label_set)
    n_wanted = {key: one.n_wanted for key, one in answer_requests.statuses().items()}
    found = (
        make_evidence(
            plans[sample_id],
            by_sample.get(sample_id, []),
            n_wanted=n_wanted,
            probs=probs.get(sample_id),
            settings=settings,
        )
        for sample_id in sorted(plans)
    )
    return [one for one in found if one is not None]


def _probs(
    tables: Tables, plans: Mapping[SampleId, Mapping[Purpose, Mapping[str, Any]]], labels: LabelSet
) -> dict[SampleId, tuple[float, ...]]:
    """Return what the model said of each sample before people did; nothing of what judges the models.

    That model has not learnt from the sample. A model with another label set has no word here.
    """
    wanted = {
        (sample_id, found[purpose]["model_version"])
        for sample_id, found in plans.items()
        for purpose in (Purpose.REVIEW, Purpose.FULL)
        if purpose in found and Purpose.AUDIT not in found
    }
    if not wanted:
        return {}
    rows = tables.predictions.read(["sample_id", "model_version", "probs"])
    ids = pa.array(sorted({sample_id for sample_id, _ in wanted}), pa.string())
    rows = rows.filter(pc.field("sample_id").isin(ids))
    return {
        SampleId(row["sample_id"]): tuple(one / sum(row["probs"]) for one in row["probs"])
        for row in rows.to_pylist()
        if (row["sample_id"], row["model_version"]) in wanted
        and row["probs"] is not None
        and len(row["probs"]) == len(labels)
    }
