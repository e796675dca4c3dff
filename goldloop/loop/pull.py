"""Pull: what annotators answered, and the gold version that follows."""

from __future__ import annotations

from datetime import datetime

from goldloop.core.codec import to_text
from goldloop.core.errors import TableConflictError
from goldloop.core.garbage import uncollected
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.losses import Decision
from goldloop.labeling.partial_pull import pull_part
from goldloop.labeling.pull import PullReport, derive_gold, pull_annotations, report_refused
from goldloop.labeling.reported_outcomes import bind_outcomes
from goldloop.labeling.rest import Rest, read_rest, rest_of, would_find_nothing
from goldloop.labeling.server_comparison import is_comparison_due
from goldloop.labeling.standing import read_standing, save_standing, standing_of
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
    if decision is None and (report := _pull_part(ports, context)) is not None:
        _keep_rest(ports, rest_of(context, began, marks, read_check(ports.tables.server_checks), report))
        return report
    before, check = context.read_state(), read_check(ports.tables.server_checks)
    is_full = is_comparison_due(before.snapshot, check, context.clock())
    reconciled, state = agree_with_server(context, before, decision=decision, check=check, is_full=is_full)
    report = pull_annotations(context, state, reconciled, decision=decision)
    state = context.fresh(state)
    bound = bind_outcomes(context.tables, context.settings, context.modality, state.snapshot)
    if bound.n:
        state = context.read_state(state)
    report_refused(report, before.admission, state.admission)
    derive_gold(context, state, report)
    report.follow_ups, state = follow_up(ports, context, state)
    if decision is None and not bound.lost:  # content that is lost may come back without a word in a table
        _keep_standing(ports, context, state, report, began)
        _keep_rest(ports, rest_of(context, began, marks, check, report))
    update_summary(ports, context, state)
    compact_daily(ports)
    return report


def _keep_rest(ports: LoopPorts, rest: Rest | None) -> None:
    if rest is not None:
        ports.rest.save(to_text(rest))


def _pull_part(ports: LoopPorts, context: LabelingContext) -> PullReport | None:
    """Derive only what has changed answers, if the others stand as they did; None where they may not."""
    known = read_standing(ports.standing)
    try:
        done = pull_part(context, *known) if known else None
    except TableConflictError:  # another process was first
        return None
    if done is None:
        return None
    if done.standing is not None:
        save_standing(ports.standing, done.standing, done.lines)
    return done.report


def _keep_standing(
    ports: LoopPorts, context: LabelingContext, state: LoopState, report: PullReport, began: datetime
) -> None:
    """Keep where the loop stands, unless follow-ups have moved it or the next pull has more to say."""
    follow_ups = report.follow_ups or FollowUpReport()
    is_moved = follow_ups != FollowUpReport(n_postponed=follow_ups.n_postponed)
    if is_moved or report.problems or report.misnamed or report.strangers or report.n_foreign:
        return
    check = read_check(ports.tables.server_checks)
    found = standing_of(context, state, check, report.view, began) if report.view else None
    if found is not None:
        save_standing(ports.standing, *found)
