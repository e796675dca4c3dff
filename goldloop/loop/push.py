"""Push: the round's choice of samples, and what the answers call for, to the labelling server, each once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from goldloop.annotators.report import suggestion_advice
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import (
    FollowUpReport,
    plan_follow_ups,
    tell_requests,
    withdraw_settled,
    withdraw_sheets,
)
from goldloop.labeling.losses import Decision
from goldloop.labeling.open_round import waits_for
from goldloop.labeling.plan import plan_round
from goldloop.labeling.push import PushReport, push_planned
from goldloop.labeling.sheet_choice import why_no_sheets
from goldloop.labeling.task_reconciliation import Reconciled, reconcile
from goldloop.loop.briefing import briefed
from goldloop.loop.exposure import exposure
from goldloop.loop.policy import cautions
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples
from goldloop.loop.summary import update_summary
from goldloop.tables.server_checks import ServerCheck


def agree_with_server(
    context: LabelingContext,
    state: LoopState,
    *,
    decision: Decision | None = None,
    check: ServerCheck | None = None,
    is_full: bool = False,
) -> tuple[Reconciled, LoopState]:
    """Make the task log and the server agree; return what was done and the state that follows."""
    reconciled = reconcile(context, state, decision=decision, check=check, is_full=is_full)
    if reconciled.n_adopted:
        context.queue.push([])  # restores suggestions that the push of the adopted tasks may have left out
    return reconciled, context.read_state(state) if reconciled.is_changed else state


def push(ports: LoopPorts) -> PushReport:
    """Plan the open round, unless an earlier plan is unfinished, and push the plan."""
    choose_from_samples(ports)
    context = ports.labeling()
    state = context.read_state()
    warnings = [*cautions(ports.tables), *why_no_sheets(ports.settings)]
    first, state = agree_with_server(context, state)
    _, advice = suggestion_advice(state.outcomes, ports.settings)
    plan = plan_round(context, state, is_shown=advice.is_shown, brief=partial(briefed, ports))
    state = context.fresh(state)
    report = push_waiting(ports, context, state)
    if report.purposes or report.lost:
        state = context.read_state(state)
    report.n_planned, report.why_more, report.hinted = plan.n_planned, plan.why_more, plan.hinted
    report.n_overdue = plan.n_overdue
    report.cautions = [*warnings, *first.strangers]
    report.follow_ups, state = follow_up(ports, context, state)
    last, state = agree_with_server(context, state)
    report.n_adopted += first.n_adopted
    report.n_duplicates_removed = first.n_duplicates_removed + last.n_duplicates_removed
    if report.n_pushed:
        ports.open_queue()  # now that there are pictures, the interface knows how large to show them
    report.waits_for = waits_for(state, ports.settings, is_more=lambda: plan.n_planned > 0)
    update_summary(ports, context, state)
    return report


def push_waiting(ports: LoopPorts, context: LabelingContext, state: LoopState) -> PushReport:
    """Bring everything that is planned to the labelling server; reads nothing when nothing waits."""
    report = PushReport(round=state.snapshot.round)
    if not any(task.is_waiting for task in state.snapshot.tasks.values()):
        return report
    with ports.progress.counting("tasks pushed") as advance:
        return push_planned(replace(context, advance=advance), report)


def follow_up(
    ports: LoopPorts, context: LabelingContext, state: LoopState
) -> tuple[FollowUpReport, LoopState]:
    """Plan the tasks that the answers call for and push them; return the new state."""
    report = plan_follow_ups(context, state)
    state = context.fresh(state)
    if push_waiting(ports, context, state).purposes:
        state = context.read_state(state)
    tell_requests(context, state)
    report.n_withdrawn = withdraw_settled(context, state) + withdraw_sheets(context, state)
    spared = exposure(state, ports.settings, now=context.clock())
    context.queue.bar(spared.barred)
    report.n_spared, report.n_unspared = len(spared.barred), spared.n_unkept
    return report, state
