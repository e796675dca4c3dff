"""Pull: what annotators answered, and the gold version that follows."""

from __future__ import annotations

from goldloop.core.codec import to_text
from goldloop.core.garbage import uncollected
from goldloop.labeling.losses import Decision
from goldloop.labeling.pull import PullReport, derive_gold, pull_annotations, report_refused
from goldloop.labeling.reported_outcomes import bind_outcomes
from goldloop.labeling.rest import read_rest, rest_of, would_find_nothing
from goldloop.labeling.server_comparison import is_comparison_due
from goldloop.loop.compact import compact_daily
from goldloop.loop.ports import LoopPorts
from goldloop.loop.push import agree_with_server, follow_up
from goldloop.loop.summary import update_summary
from goldloop.tables.server_checks import read_check
from goldloop.tables.snapshot import read_marks


@uncollected()
def pull(ports: LoopPorts, *, accept_lost: bool = False, keep_lost: bool = False) -> PullReport:
    """Merge what changed on the server, commit the gold that follows, and ask on where it is not sure.

    Reported outcomes whose sample has arrived since find it first. The first pull of a day ends with a
    compaction of the tables.

    Answers that vanished from the server leave gold with `accept_lost`, and count on with `keep_lost`.

    It reads no table where the pull before changed nothing, and tables, settings and server are as they were.

    Raises:
        TasksLostError: more than a few tasks or answers are gone, and neither option says what follows.
        ServiceError: the server failed; what was merged by then is kept.
    """
    context = ports.labeling()
    decision = Decision.DROP if accept_lost else Decision.KEEP if keep_lost else None
    began, rest = context.clock(), read_rest(ports.rest) if decision is None else None
    if rest is not None and would_find_nothing(context, rest):
        return rest.report
    marks = read_marks(ports.tables)
    before, check = context.read_state(), read_check(ports.tables.server_checks)
    is_full = is_comparison_due(before.snapshot, check, context.clock())
    reconciled, state = agree_with_server(context, before, decision=decision, check=check, is_full=is_full)
    report = pull_annotations(context, state, reconciled, decision=decision)
    state = context.fresh(state)
    bound = bind_outcomes(context.tables, context.settings, context.modality, state.snapshot)
    if bound.n:
        state = context.read_state(state)
    report_refused(report, before, state)
    derive_gold(context, state, report)
    report.follow_ups, state = follow_up(ports, context, state)
    if decision is None and not bound.lost:  # content that is lost may come back without a word in a table
        rest = rest_of(context, began, marks, check, report)
        if rest is not None:
            ports.rest.save(to_text(rest))
    update_summary(ports, context, state)
    compact_daily(ports)
    return report
