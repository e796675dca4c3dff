"""push: the round's choice of samples into Label Studio, each exactly once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prefect import flow, task

from flows.policy import cautions
from flows.publish import publish_push
from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.annotators.report import suggestion_advice
from goldloop.core.clock import now
from goldloop.core.samples import BatchId, SampleId
from goldloop.labeling.push import PushReport
from goldloop.labeling.reconcile import reconcile
from goldloop.loop.follow_up import follow_up, push_plan
from goldloop.selection.plan import plan_round
from goldloop.tables.unlabeled_pool import sample_rows
from goldloop.wiring import Wiring, connect


def agree_with_server(
    parts: Wiring, queue: LabelStudioQueue, *, accept_lost: bool = False
) -> tuple[int, int, int]:
    """Make task_log and server agree; return how many tasks were adopted, removed as duplicates, found gone."""
    selection = parts.workspace.settings.selection

    def batches(sample_ids: Collection[SampleId]) -> Mapping[SampleId, BatchId]:
        return {sample_id: row["batch"] for sample_id, row in sample_rows(parts.tables, sample_ids).items()}

    counts = reconcile(
        task_log=parts.task_log,
        queue=queue,
        owner=parts.owner,
        clock=now,
        seed=selection.seed,
        audit_rate=selection.audit_rate,
        batches=batches,
        accept_lost=accept_lost,
    )
    if counts[0]:
        queue.push([])  # whoever pushed what was adopted may have died before its suggestions were shown
    return counts


def push_round(parts: Wiring) -> PushReport:
    """Plan the open round, unless an earlier plan is unfinished, and bring the plan to Label Studio."""
    settings, queue = parts.workspace.settings, parts.queue()
    _, advice = suggestion_advice(parts.read_outcomes(), settings)
    warned = cautions(parts)
    n_adopted, n_removed, _ = agree_with_server(parts, queue)
    n_planned = plan_round(
        tables=parts.tables,
        task_log=parts.task_log,
        settings=settings,
        is_labelled={one.sample_id for one in parts.gold.records()},
        is_shown=advice.is_shown,
        clock=now,
    )
    report = push_plan(parts, queue)
    report.n_planned, report.cautions = n_planned, warned
    report.follow_ups = follow_up(parts, queue)
    report.n_adopted += n_adopted
    report.n_duplicates_removed = n_removed + agree_with_server(parts, queue)[1]
    if report.n_pushed:
        parts.queue()  # now that there are pictures, the interface knows how large to show them
    return report


@task(name="push the round's tasks")
def push_round_task(workspace: str) -> PushReport:
    """Prefect task around `push_round`."""
    return push_round(connect(workspace))


@flow(name="push", validate_parameters=False)
def push(workspace: str) -> PushReport:
    """Choose this round's samples and push them into Label Studio."""
    report = push_round_task(workspace)
    publish_push(workspace, report)
    return report
