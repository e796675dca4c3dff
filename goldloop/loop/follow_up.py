"""following up: further answers, adjudication and controls, as the answers so far call for them."""

from __future__ import annotations

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.cli.progress import counting
from goldloop.core.clock import now
from goldloop.labeling.follow_up import FollowUpReport, plan_follow_ups, withdraw_settled
from goldloop.labeling.push import PushReport, push_planned
from goldloop.wiring import Parts


def push_plan(parts: Parts, queue: LabelStudioQueue) -> PushReport:
    """Bring everything that is planned to Label Studio."""
    with counting("tasks pushed") as advance:
        return push_planned(
            tables=parts.tables,
            ledger=parts.ledger,
            queue=queue,
            store=parts.store,
            owner=parts.owner,
            clock=now,
            advance=advance,
        )


def follow_up(parts: Parts, queue: LabelStudioQueue) -> FollowUpReport:
    """Write down what the answers so far call for, then bring it to Label Studio."""
    report = plan_follow_ups(
        tables=parts.tables,
        ledger=parts.ledger,
        asks=parts.asks,
        settings=parts.workspace.settings,
        read_verdicts=parts.read_verdicts,
        clock=now,
    )
    push_plan(parts, queue)
    parts.asks.tell(queue, parts.ledger, at=now)
    report.n_withdrawn = withdraw_settled(
        ledger=parts.ledger,
        queue=queue,
        read_verdicts=parts.read_verdicts,
        owner=parts.owner,
        clock=now,
    )
    return report
