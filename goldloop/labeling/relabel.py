"""Relabeling: sends samples with doubtful gold labels to annotators blind, and reports the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import follow_up_plan
from goldloop.labeling.state import LoopState
from goldloop.tables.snapshot import Snapshot
from goldloop.training.label_errors import LabelIssue


@dataclass(frozen=True, slots=True)
class Relabel:
    """A label issue and its state: not sent, waiting for annotators, kept, or corrected."""

    issue: LabelIssue
    state: str
    present_label: str | None


def relabels_of(issues: Sequence[LabelIssue], snapshot: Snapshot) -> list[Relabel]:
    """Return the state of each of `issues`, in the order given."""
    labels = {record.sample_id: record.label for record in snapshot.gold.records}
    answered = {annotation.key for annotation in snapshot.annotations}
    relabels = []
    for issue in issues:
        task = snapshot.tasks.get(task_key(issue.sample_id, Purpose.RECHECK))
        label = labels.get(issue.sample_id)
        if task is None or not task.is_live:
            state = "not sent"
        elif task.key not in answered or label is None:
            state = "waiting for annotators"
        else:
            state = "kept" if label == issue.label else f"corrected to {label}"
        relabels.append(Relabel(issue, state, label))
    return relabels


def plan_relabel(context: LabelingContext, state: LoopState, issues: Sequence[LabelIssue], *, n: int) -> int:
    """Plan a blind recheck of the `n` most doubtful samples not sent yet; return how many were planned."""

    def choose(now: LoopState) -> list[PlannedTask]:
        evidence_of = now.evidence
        waiting = [
            evidence_of[relabel.issue.sample_id]
            for relabel in relabels_of(issues, now.snapshot)
            if relabel.state == "not sent" and relabel.issue.sample_id in evidence_of
        ]
        return [
            follow_up_plan(evidence, Purpose.RECHECK, context, round_=now.snapshot.round, position=position)
            for position, evidence in enumerate(waiting[:n])
        ]

    base = state.snapshot.versions.planned_tasks
    return len(context.task_log.plan(context.retrying(state, choose), base=base))
