"""The pull: merges the changed annotations of the labelling server, and derives gold from all annotations.

The pull merges annotations page by page in order of change. The newest merged annotation marks where the next
pull starts, so a kill cannot leave a cursor ahead of the data. Gold comes from *all* annotations
(goldloop.consensus.outcomes), so the next pull completes a pull that was killed before its gold version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from goldloop.consensus.admission import Admission
from goldloop.consensus.gold_outcomes import gold_records, reason_of, relabeled
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import n_by_step
from goldloop.core.errors import TasksLostError
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.labeling.annotation_merge import AnnotationMerge
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.losses import Decision, ask_about_losses, settle_losses
from goldloop.labeling.not_counted import misnamed_sentences, refusal_sentences
from goldloop.labeling.server_comparison import compare_all, starting_point
from goldloop.labeling.server_view import ServerView, state_digest
from goldloop.labeling.task_reconciliation import Reconciled
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.server_checks import ServerCheck, save_check

OVERLAP = timedelta(seconds=60)  # covers transactions that the server had not committed at the last pull


@dataclass(slots=True)
class PullReport:
    """The changes of one pull, and the number of answered samples that are not gold yet.

    `n_waiting` samples wait for requested answers, `n_unsure` for one more request when the budget allows it,
    `n_disputed` for an adjudicator. `n_refused` annotations of this pull do not count, as `problems` says;
    `misnamed` says which count for another account than the server names. `strangers` names tasks that
    goldloop did not plan. `view` is what the server said.
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
    n_duplicates_removed: int = 0
    strangers: list[str] = field(default_factory=list)
    view: ServerView | None = None


def pull_annotations(
    context: LabelingContext,
    state: LoopState,
    reconciled: Reconciled | None = None,
    *,
    decision: Decision | None = None,
) -> PullReport:
    """Merge what changed on the server since the last pull into the annotations table.

    An edit replaces the annotation, and a deletion retracts it. Skips and invalid answers are kept without a
    vote. Tasks that goldloop did not plan are ignored. When the numbers of answers differ, and once a day,
    goldloop compares every task: a pull by time misses what a wrong clock has stamped.

    Raises:
        TasksLostError: more than a few answers are gone, and the user has not decided what follows.
        ServiceError: the server failed; the pages merged before remain.
    """
    reconciled = reconciled or Reconciled(counts=context.queue.counts())
    merge, report = AnnotationMerge(context, state.snapshot), PullReport()
    merge.retract_gone()
    start = starting_point(state.snapshot.annotations, context.clock())
    since = start.moment - OVERLAP if start else None
    digests = _merge_changes(context, merge, since, report)
    is_continued = start is None or start.is_listed(merge.seen)
    if (not is_continued or merge.repeats_ids) and reconciled.listing is None:
        reconciled = replace(reconciled, listing=tuple(context.queue.listing()))
    compared = compare_all(context, state.snapshot, merge, reconciled)
    newest = max((task.updated_at for task in compared[1]), default=None) if compared else None
    is_restored = merge.repeats_ids or bool(start and newest and newest < start.moment)
    try:
        _settle_lost(context, state, merge, decision, newest_there=newest, is_restored=is_restored)
    except TasksLostError:  # the next pull compares all again
        check = reconciled.check or ServerCheck(context.clock())
        save_check(context.tables.server_checks, replace(check, n_lost=len(merge.lost)))
        raise
    if compared:
        save_check(context.tables.server_checks, compared[0])
    count_merged(merge, reconciled, report)
    report.view = ServerView(reconciled.counts, since, digests)
    return report


def _merge_changes(
    context: LabelingContext, merge: AnnotationMerge, since: datetime | None, report: PullReport
) -> dict[int, str]:
    """Merge page by page what has changed `since`; return the digest of each changed task by id."""
    digests: dict[int, str] = {}
    for page in context.queue.changed_since(since):
        digests |= {task.task_id: state_digest(task) for task in page}
        ours = {task.task_id for task in merge.add(page)}
        report.n_foreign += sum(bool(task.key) and task.task_id not in ours for task in page)
    return digests


def _settle_lost(
    context: LabelingContext,
    state: LoopState,
    merge: AnnotationMerge,
    decision: Decision | None,
    *,
    newest_there: datetime | None,
    is_restored: bool,
) -> None:
    """Write what the server has lost if it is little, or do what the user decided about it."""
    lost = list(merge.lost.values())
    if decision is not None:
        settle_losses(context, LoopState(merge.snapshot, state.settings), decision, lost=lost)
        return
    ask_about_losses(merge.snapshot, lost=lost, newest_there=newest_there, is_restored=is_restored)
    merge.write_lost()


def count_merged(merge: AnnotationMerge, reconciled: Reconciled, report: PullReport) -> None:
    """Set in `report` what the merge has written."""
    report.n_duplicates_removed = reconciled.n_duplicates_removed
    report.strangers = list(reconciled.strangers)
    changed = [*merge.written, *merge.lost.values()]
    report.n_tasks_changed = len({row.task_id for row in changed})
    report.n_new = merge.n_new
    report.n_edited = len(merge.written) - merge.n_new + merge.n_set_back
    report.n_retracted = merge.n_retracted
    report.problems += merge.problems


def report_refused(report: PullReport, earlier: Admission, later: Admission) -> None:
    """Set in `report` which annotations are newly refused, or newly count for another account."""
    known, named = set(earlier.refused), set(earlier.misnamed)
    refused = [entry for entry in later.refused if entry not in known]
    report.n_refused = len(refused)
    report.problems += refusal_sentences(refused)
    report.misnamed = misnamed_sentences(entry for entry in later.misnamed if entry not in named)


def derive_gold(context: LabelingContext, state: LoopState, report: PullReport) -> None:
    """Commit the gold of all answers if it differs; set the numbers of unsettled samples in `report`."""
    looked_at: set[SampleId] = set()
    records: list[GoldRecord] = []

    def make_records(now: LoopState) -> list[GoldRecord]:
        nonlocal records
        outcomes = now.outcomes.samples
        looked_at.update(relabeled(outcomes))
        steps = n_by_step(outcomes)
        report.n_waiting, report.n_unsure = steps.get(Step.WAIT, 0), steps.get(Step.ASK, 0)
        report.n_disputed = steps.get(Step.ADJUDICATE, 0)
        records = gold_records(now.outcomes)
        return records

    version = GoldStore(context.tables.gold).commit(
        context.retrying(state, make_records),
        reason=lambda changes: reason_of(changes, looked_at),
        base=state.snapshot.gold,
    )
    if version is not None:
        context.decoded.keep("gold", version.version, Gold(version, tuple(records)))
        report.gold_version = version.version
        report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
