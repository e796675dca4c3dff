"""Pulling: what changed on the labelling server.

Annotations are merged page by page in order of change, and the place to go on from is read off the merged
rows themselves, so no kill can leave a cursor that is ahead of the data. Gold is then derived from *all*
annotations (goldloop.consensus.outcomes), so a pull that was killed before its gold version is healed by the
next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import Outcomes, gold_records, n_by_step, reason_of, relabeled
from goldloop.core.annotations import Annotation, AnnotationStatus, TaskState
from goldloop.core.ports import LabelingQueue, Row, Table
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.task_log import TaskLog

OVERLAP = timedelta(seconds=60)  # transactions in flight on the server when the last pull looked


@dataclass(slots=True)
class PullReport:
    """What one pull did, and what those samples need that people have answered and that are not gold yet.

    `n_waiting` samples wait for answers already asked for, `n_unsure` for one more that is asked as soon as
    the budget allows, `n_disputed` for an adjudicator.
    """

    n_tasks_changed: int = 0
    n_new: int = 0
    n_edited: int = 0
    n_retracted: int = 0
    n_foreign: int = 0
    n_waiting: int = 0
    n_unsure: int = 0
    n_disputed: int = 0
    problems: list[str] = field(default_factory=list)
    gold_version: int | None = None
    n_gold_changes: int = 0
    follow_ups: FollowUpReport | None = None


def pull_annotations(queue: LabelingQueue, annotations: Table, task_log: TaskLog) -> PullReport:
    """Merge what changed on the server since the last pull into the annotations table.

    Edits replace, deletions retract, skips and invalid answers are kept without a vote, and tasks that
    goldloop did not make are left alone. Repeating a pull changes nothing.

    Raises:
        ServiceError: the server failed; pages merged by then are kept.
    """
    report = PullReport()
    statuses = task_log.statuses()
    newest = pc.max(annotations.read(["task_updated_at"])["task_updated_at"]).as_py()
    for page in queue.changed_since(newest - OVERLAP if newest else None):
        ours = [task for task in page if task.key in statuses]
        report.n_foreign += len(page) - len(ours)
        if ours:
            _merge_page(ours, annotations, report)
    return report


def retract_tasks(keys: Sequence[str], annotations: Table) -> int:
    """Retract every annotation of tasks that were deleted on the server; return how many."""
    n_retracted = 0

    def make_changes(present: pa.Table) -> tuple[list[Row], list[Row], Mapping[str, str]]:
        nonlocal n_retracted
        wanted = pc.field("key").isin(pa.array(list(keys), pa.string())) & (
            pc.field("status") != str(AnnotationStatus.RETRACTED)
        )
        rows = present.filter(wanted).to_pylist()
        n_retracted = len(rows)
        return [{**row, "status": str(AnnotationStatus.RETRACTED)} for row in rows], [], {}

    if keys:
        annotations.merge_next(make_changes, key="annotation_id")
    return n_retracted


def _merge_page(page: Sequence[TaskState], annotations: Table, report: PullReport) -> None:
    counts = PullReport()

    def make_changes(present: pa.Table) -> tuple[list[Row], list[Row], Mapping[str, str]]:
        nonlocal counts
        counts = PullReport(n_tasks_changed=0)
        keys = pa.array([task.key for task in page], pa.string())
        stored: dict[str, dict[int, dict[str, Any]]] = {}
        for row in present.filter(pc.field("key").isin(keys)).to_pylist():
            stored.setdefault(row["key"], {})[row["annotation_id"]] = row
        put: list[Row] = []
        for task in page:
            put += _task_changes(task, stored.get(task.key, {}), counts)
        return put, [], {}

    annotations.merge_next(make_changes, key="annotation_id")
    for name in ("n_tasks_changed", "n_new", "n_edited", "n_retracted"):
        setattr(report, name, getattr(report, name) + getattr(counts, name))
    report.problems += counts.problems


def _task_changes(task: TaskState, stored: Mapping[int, Mapping[str, Any]], counts: PullReport) -> list[Row]:
    """Return the rows of one task that differ from what is stored, and count them."""
    changes: list[Row] = []
    for annotation in task.annotations:
        row = _row(task, annotation)
        before = stored.get(annotation.annotation_id)
        if before is not None and before["task_updated_at"] > task.updated_at:
            continue  # another pull has seen a newer state
        if before is not None and all(before[name] == row[name] for name in row if name != "task_updated_at"):
            continue
        counts.n_new += before is None
        counts.n_edited += before is not None
        if row["status"] == str(AnnotationStatus.INVALID):
            counts.problems.append(
                f"annotation {annotation.annotation_id} of task {task.task_id}: {annotation.problem}"
            )
        changes.append(row)
    present = {one.annotation_id for one in task.annotations}
    for annotation_id, before in stored.items():
        is_older = before["task_id"] == task.task_id and before["task_updated_at"] <= task.updated_at
        if annotation_id not in present and before["status"] != str(AnnotationStatus.RETRACTED) and is_older:
            counts.n_retracted += 1
            changes.append(
                {**before, "status": str(AnnotationStatus.RETRACTED), "task_updated_at": task.updated_at}
            )
    counts.n_tasks_changed += bool(changes)
    return changes


def _row(task: TaskState, one: Annotation) -> dict[str, Any]:
    status = (
        AnnotationStatus.SKIP
        if one.is_skip
        else AnnotationStatus.INVALID
        if one.label is None
        else AnnotationStatus.ANSWER
    )
    return {
        "annotation_id": one.annotation_id,
        "task_id": task.task_id,
        "key": task.key,
        "annotator": one.annotator,
        "status": str(status),
        "label": one.label,
        "problem": one.problem,
        "reason": one.reason,
        "lead_time_s": one.lead_time_s,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "task_updated_at": task.updated_at,
        "shown_label": one.shown_label,
        "shown_score": one.shown_score,
        "shown_model_version": one.shown_model_version,
    }


def derive_gold(gold: GoldStore, read_outcomes: Callable[[], Outcomes], report: PullReport) -> None:
    """Commit the gold that all answers together come to, if it differs; `report` is told what is missing."""
    looked_at: set[SampleId] = set()

    def make_records() -> list[GoldRecord]:
        outcomes = read_outcomes().samples
        looked_at.update(relabeled(outcomes))
        steps = n_by_step(outcomes)
        report.n_waiting, report.n_unsure = steps.get(Step.WAIT, 0), steps.get(Step.ASK, 0)
        report.n_disputed = steps.get(Step.ADJUDICATE, 0)
        return gold_records(outcomes)

    version = gold.commit(make_records, reason=lambda changes: reason_of(changes, looked_at))
    if version is not None:
        report.gold_version = version.version
        report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
