"""Pull: what annotators answered, and the gold version that follows."""

from __future__ import annotations

from goldloop.labeling.pull import PullReport, derive_gold, pull_annotations, report_refused
from goldloop.loop.ports import LoopPorts
from goldloop.loop.push import agree_with_server, follow_up


def pull(ports: LoopPorts, *, accept_lost: bool = False) -> PullReport:
    """Merge what changed on the server, commit the gold that follows, and ask on where it is not sure.

    Raises:
        TasksLostError: more than half of the tasks are gone at once, and `accept_lost` does not confirm it.
        ServiceError: the server failed; what was merged by then is kept.
    """
    context = ports.labeling()
    _, state = agree_with_server(context, context.read_state(), accept_lost=accept_lost)
    report, before = pull_annotations(context, state), state
    state = context.fresh(state)
    report_refused(report, before, state)
    derive_gold(context, state, report)
    report.follow_ups, _ = follow_up(ports, context, state)
    return report
