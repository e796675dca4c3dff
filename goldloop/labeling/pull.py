"""The pull: merges the changed annotations of the labelling server, and derives gold from all annotations.

The pull merges annotations page by page in order of change. The newest merged annotation marks where the next
pull starts, so a kill cannot leave a cursor ahead of the data. Gold comes from *all* annotations
(goldloop.consensus.outcomes), so the next pull completes a pull that was killed before its gold version.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import gold_records, n_by_step, reason_of, relabeled
from goldloop.core.annotations import AnnotationStatus, StoredAnnotation, TaskState
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.labeling.altered_tasks import (
    altered_sentences,
    by_task_id,
    checked,
    identified,
    is_altered,
)
from goldloop.labeling.authorship import with_recorded_author
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.not_counted import misnamed_sentences, refusal_sentences, unlisted_sentences
from goldloop.tables.answers import merge_annotations
from goldloop.tables.gold_store import GoldStore

KeptByKey = dict[str, dict[int, StoredAnnotation]]
"""The annotations in the table, by key of their task and then by annotation id."""

OVERLAP = timedelta(seconds=60)  # covers transactions that the server had not committed at the last pull


@dataclass(slots=True)
class PullReport:
    """The changes of one pull, and the number of answered samples that are not gold yet.

    `n_waiting` samples wait for requested answers, `n_unsure` for one more request when the budget allows it,
    `n_disputed` for an adjudicator. `n_refused` annotations of this pull do not count, as `problems` says;
    `misnamed` says which count for another account than the server names.
    """

    n_tasks_changed: int = 0
    n_new: int = 0
    n_edited: int = 0
    n_retracted: int = 0
    n_foreign: int = 0
    n_refused: int = 0
    n_waiting: int = 0
    n_unsure: int = 0
    n_disputed: int = 0
    problems: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    gold_version: int | None = None
    n_gold_changes: int = 0
    follow_ups: FollowUpReport | None = None


def pull_annotations(context: LabelingContext, state: LoopState) -> PullReport:
    """Merge what changed on the server since the last pull into the annotations table.

    An edit replaces the annotation, and a deletion retracts it. Skips and invalid answers are kept without a
    vote. Tasks that goldloop did not create are ignored. A repeated pull changes nothing.

    Raises:
        ServiceError: the server failed; the pages merged before remain.
    """
    report, snapshot = PullReport(), state.snapshot
    _retract_gone(context, state, report)
    newest = max((kept.task_updated_at for kept in snapshot.annotations), default=None)
    kept_by_key, by_id = _by_key(snapshot.annotations), by_task_id(snapshot.tasks)
    for page in context.queue.changed_since(newest - OVERLAP if newest else None):
        ours = [task for listed in page if (task := identified(listed, snapshot.tasks, by_id))]
        report.n_foreign += sum(bool(task.key) for task in page) - len(ours)
        altered = {task.task_id for task in ours if is_altered(task, snapshot.tasks[task.key])}
        report.problems += altered_sentences(altered, by_id) + unlisted_sentences(ours)
        changed = [task for task in ours if task.is_listed and _changes(task, kept_by_key, altered)]
        if changed:
            _merge_page(context, changed, altered, report)
    return report


def _retract_gone(context: LabelingContext, state: LoopState, report: PullReport) -> None:
    """Retract every annotation on tasks that were deleted on the server."""
    gone = {key for key, task in state.snapshot.tasks.items() if not task.is_live}

    def retracted(kept: Sequence[StoredAnnotation]) -> list[StoredAnnotation]:
        return [
            replace(annotation, status=AnnotationStatus.RETRACTED)
            for annotation in kept
            if annotation.key in gone and annotation.status is not AnnotationStatus.RETRACTED
        ]

    if retracted(state.snapshot.annotations):
        report.n_retracted += len(merge_annotations(context.tables.annotations, retracted, gone))


def _merge_page(
    context: LabelingContext, page: Sequence[TaskState], altered: Collection[int], report: PullReport
) -> None:
    replaced: KeptByKey = {}

    def changes(kept: Sequence[StoredAnnotation]) -> list[StoredAnnotation]:
        nonlocal replaced
        replaced = _by_key(kept)
        return [change for task in page for change in _changes(task, replaced, altered)]

    merged = merge_annotations(context.tables.annotations, changes, {task.key for task in page})
    report.n_tasks_changed += len({change.task_id for change in merged})
    for change in merged:
        if change.status is AnnotationStatus.RETRACTED:
            report.n_retracted += 1
        elif change.annotation_id in replaced.get(change.key, {}):
            report.n_edited += 1
        else:
            report.n_new += 1


def _by_key(annotations: Sequence[StoredAnnotation]) -> KeptByKey:
    by_key: KeptByKey = {}
    for annotation in annotations:
        by_key.setdefault(annotation.key, {})[annotation.annotation_id] = annotation
    return by_key


def _changes(task: TaskState, kept_by_key: KeptByKey, altered: Collection[int]) -> list[StoredAnnotation]:
    """Return the annotations of one task that differ from those kept; `altered` holds task ids."""
    kept, changes = kept_by_key.get(task.key, {}), list[StoredAnnotation]()
    for annotation in task.annotations:
        before = kept.get(annotation.annotation_id)
        seen = with_recorded_author(StoredAnnotation.of(task, annotation), before)
        seen = checked(seen, before, is_on_altered=task.task_id in altered)
        if before is not None and before.task_updated_at > task.updated_at:
            continue  # another pull has merged a newer state
        if before is None or replace(before, task_updated_at=seen.task_updated_at) != seen:
            changes.append(seen)
    present = {annotation.annotation_id for annotation in task.annotations}
    for annotation_id, before in kept.items():
        is_older = before.task_id == task.task_id and before.task_updated_at <= task.updated_at
        is_retracted = before.status is AnnotationStatus.RETRACTED
        if annotation_id not in present and not is_retracted and is_older:
            changes.append(
                replace(before, status=AnnotationStatus.RETRACTED, task_updated_at=task.updated_at)
            )
    return changes


def report_refused(report: PullReport, before: LoopState, now: LoopState) -> None:
    """Set in `report` which annotations do not count, or count for another account, that did not `before`."""
    earlier, later = before.outcomes.admission, now.outcomes.admission
    known, named = set(earlier.refused), set(earlier.misnamed)
    refused = [entry for entry in later.refused if entry not in known]
    report.n_refused = len(refused)
    report.problems += refusal_sentences(refused)
    report.misnamed = misnamed_sentences(entry for entry in later.misnamed if entry not in named)


def derive_gold(context: LabelingContext, state: LoopState, report: PullReport) -> None:
    """Commit the gold of all answers if it differs; set the numbers of unsettled samples in `report`."""
    looked_at: set[SampleId] = set()

    def make_records(now: LoopState) -> list[GoldRecord]:
        outcomes = now.outcomes.samples
        looked_at.update(relabeled(outcomes))
        steps = n_by_step(outcomes)
        report.n_waiting, report.n_unsure = steps.get(Step.WAIT, 0), steps.get(Step.ASK, 0)
        report.n_disputed = steps.get(Step.ADJUDICATE, 0)
        return gold_records(outcomes)

    version = GoldStore(context.tables.gold).commit(
        context.retrying(state, make_records),
        reason=lambda changes: reason_of(changes, looked_at),
        base=state.snapshot.gold,
    )
    if version is not None:
        report.gold_version = version.version
        report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
