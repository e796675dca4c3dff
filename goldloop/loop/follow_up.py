"""Follow up: further answers, adjudication and honeypots, as the answers so far call for them."""

from __future__ import annotations

from dataclasses import replace

from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport, plan_follow_ups, tell_requests, withdraw_settled
from goldloop.labeling.push import PushReport, push_planned
from goldloop.labeling.state import LoopState
from goldloop.loop.ports import LoopPorts


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
    report.n_withdrawn = withdraw_settled(context, state)
    return report, state
