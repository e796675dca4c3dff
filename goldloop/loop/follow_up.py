"""following up: further answers, adjudication and controls, as the answers so far call for them."""

from __future__ import annotations

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.cli.progress import counting
from goldloop.core.clock import now
from goldloop.labeling.follow_up import FollowUpReport, plan_follow_ups, withdraw_settled
from goldloop.labeling.push import PushReport, push_planned
from goldloop.wiring import Wiring


def push_plan(parts: Wiring, queue: LabelStudioQueue) -> PushReport:
    """Bring everything that is planned to Label Studio."""
    with counting("tasks pushed") as advance:
        return push_planned(
            tables=parts.tables,
            task_log=parts.task_log,
            queue=queue,
            store=parts.store,
            owner=parts.owner,
            clock=now,
            advance=advance,
        )


def follow_up(parts: Wiring, queue: LabelStudioQueue) -> FollowUpReport:
    """Write down what the answers so far call for, then bring it to Label Studio."""
    report = plan_follow_ups(
        tables=parts.tables,
        task_log=parts.task_log,
        answer_requests=parts.answer_requests,
        settings=parts.workspace.settings,
        read_outcomes=parts.read_outcomes,
        clock=now,
    )
    push_plan(parts, queue)
    parts.answer_requests.tell(queue, parts.task_log, at=now)
    report.n_withdrawn = withdraw_settled(
        task_log=parts.task_log,
        queue=queue,
        read_outcomes=parts.read_outcomes,
        owner=parts.owner,
        clock=now,
    )
    return report
