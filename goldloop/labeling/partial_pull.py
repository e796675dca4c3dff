"""The partial pull: derives only the samples with changed answers, where the others stand as they stood.

It works out what follows before it writes anything. Where more may follow than it can tell - an answer is
gone, the estimates move, a task is to be planned - it returns None, and a whole pull does it all.
"""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from goldloop.consensus.gold_outcomes import gold_records, reason_of, relabeled
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.errors import TableConflictError
from goldloop.core.planned_tasks import Event
from goldloop.core.tasks import AnswerRequest, split_key
from goldloop.gold.records import GoldChange, gold_diff, gold_line, lines_digest
from goldloop.labeling.annotation_merge import AnnotationMerge, n_on_server
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.follow_up_choice import CHARGED
from goldloop.labeling.partial_news import Known, News, counts_agree, known_of, merged, new_rows, news_of
from goldloop.labeling.partial_outcomes import (
    Derived,
    cases_of,
    derived_of,
    is_settled_dispute,
    outcomes_of,
    with_cases,
)
from goldloop.labeling.pull import PullReport, count_merged, report_refused
from goldloop.labeling.rest import settings_digest
from goldloop.labeling.server_comparison import StartingPoint
from goldloop.labeling.server_view import ServerView
from goldloop.labeling.standing import Standing, marks_of
from goldloop.labeling.task_reconciliation import Reconciled
from goldloop.tables.answers import (
    add_requests,
    record_told,
)
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.snapshot import Snapshot, n_commits_since, read_closed, read_versions


@dataclass(frozen=True, slots=True)
class PartialPull:
    """What a partial pull reports, and where the loop then stands; None if others wrote, too."""

    report: PullReport
    standing: Standing | None
    lines: list[str]


def pull_part(context: LabelingContext, standing: Standing, lines: list[str]) -> PartialPull | None:
    """Merge what changed on the server, and commit the gold and the requests that follow.

    Returns None, and has written nothing, where a whole pull has to look.

    Raises:
        TableConflictError: another process was first; a whole pull goes on from there.
        ServiceError: the server failed.
    """
    now = context.clock()
    is_same = standing.settings == settings_digest(context.settings) and standing.marks == marks_of(context)
    if not is_same or now < standing.at or standing.check.is_due(now) or standing.start.moment > now:
        return None
    news = news_of(context, standing)
    if news is None:
        return None
    known = known_of(context, {split_key(state.key)[0] for state in news.changed})
    if any(split_key(key)[1].is_on_sheet for key in known.tasks):  # what one overlooks weighs in all
        return None
    put = new_rows(context, known, news.changed, now)
    if put is None or not counts_agree(standing, news, known, put):
        return None
    derived = derived_of(context, standing, known, put)
    if derived is None or derived.choice.tasks or is_settled_dispute(known, derived.after):
        return None
    return _committed(context, derived, news, lines)


def _committed(context: LabelingContext, derived: Derived, news: News, lines: list[str]) -> PartialPull:
    """Write the answers, the gold and the requests, in this order."""
    standing, report = derived.standing, PullReport(view=ServerView(news.counts, news.since, news.digests))
    merge = AnnotationMerge(context, _snapshot(context, derived.known))
    merge.add(news.changed)
    if {row.identity for row in merge.written} != {row.identity for row in derived.put}:
        raise TableConflictError("another pull has merged the same answers")
    count_merged(merge, Reconciled(counts=news.counts), report)
    report_refused(report, derived.before.admission, derived.after.admission)
    report.n_waiting, report.n_unsure, report.n_disputed = (
        standing.steps.get(step, 0) for step in (Step.WAIT, Step.ASK, Step.ADJUDICATE)
    )
    standing, lines = _with_gold(context, standing, derived.after, report, lines)
    standing, n_request_commits = _with_requests(context, standing, derived, report)
    n_commits = {
        "annotations": int(bool(derived.put)),
        "gold": int(report.gold_version is not None),
        "answer_requests": n_request_commits,
    }
    return PartialPull(report, _moved_on(context, standing, derived, news, n_commits), lines)


def _snapshot(context: LabelingContext, known: Known) -> Snapshot:
    """Return a snapshot with the touched samples alone, and no gold, for the merge."""
    closed_at, closed_gold, round_ = read_closed(context.tables)
    return Snapshot(
        versions=read_versions(context.tables),
        tasks=known.tasks,
        requests=known.requests,
        annotations=known.annotations,
        closed_at=closed_at,
        closed_gold=closed_gold,
        round=round_,
        gold=Gold(GoldStore(context.tables.gold).newest(), ()),
    )


def _with_gold(
    context: LabelingContext, standing: Standing, outcomes: Outcomes, report: PullReport, lines: list[str]
) -> tuple[Standing, list[str]]:
    store = GoldStore(context.tables.gold)
    before = store.some({one.evidence.sample_id for one in outcomes.samples})
    changes = gold_diff(before, gold_records(outcomes))
    if not changes:
        return standing, lines
    lines = _changed_lines(lines, changes)
    digest = lines_digest(lines)
    version = store.commit_part(
        changes,
        base=standing.gold,
        parent=standing.gold_digest,
        digest=digest,
        n_records=len(lines),
        reason=reason_of(changes, relabeled(outcomes.samples)),
    )
    if version is None:
        return standing, lines
    report.gold_version = version.version
    report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
    return replace(standing, gold=version.version, gold_digest=digest), lines


def _changed_lines(lines: Sequence[str], changes: Iterable[GoldChange]) -> list[str]:
    """Return the lines of gold after `changes`; each begins with its sample_id."""
    lines = list(lines)
    for change in changes:
        begin = f"[{json.dumps(change.sample_id)},"
        place = bisect.bisect_left(lines, begin)
        is_there = place < len(lines) and lines[place].startswith(begin)
        lines[place : place + is_there] = [gold_line(change.after)] if change.after else []
    return lines


def _with_requests(
    context: LabelingContext, standing: Standing, derived: Derived, report: PullReport
) -> tuple[Standing, int]:
    """Write and tell the requests; return the standing with their samples' cases, and how many commits."""
    requests, table = derived.choice.requests, context.tables.answer_requests
    report.follow_ups = FollowUpReport(n_postponed=derived.choice.n_postponed)
    if not requests:
        return standing, 0
    is_first = iter((True,))

    def choose() -> Sequence[AnswerRequest]:
        if not next(is_first, False):
            raise TableConflictError("another process has requested answers")
        return requests

    base = int(standing.marks["answer_requests"].split()[0])
    add_requests(table, choose, round_=standing.spent.round, at=context.clock(), base=base)
    report.follow_ups.asked = dict(sorted(Counter(str(one.reason) for one in requests).items()))
    known = known_of(context, {split_key(request.key)[0] for request in requests})
    outdated = {
        key: (task.task_id, known.requests.statuses[key].n_wanted)
        for key in sorted({request.key for request in requests})
        if (task := known.tasks.get(key)) and task.event is Event.PUSHED and task.task_id is not None
    }
    if outdated:
        context.queue.ask(dict(outdated.values()))
        record_told(table, outdated, at=context.clock())
    cases = cases_of(context, known, outcomes_of(context, standing, known))
    earlier = {case.sample_id: case for case in standing.cases} | dict(derived.cases)
    spent = replace(
        standing.spent,
        n=standing.spent.n + sum(request.reason in CHARGED for request in requests),
        n_honeypots=standing.spent.n_honeypots + report.follow_ups.asked.get("honeypot", 0),
    )
    standing = with_cases(replace(standing, spent=spent), {key: earlier[key] for key in cases}, cases)
    return standing, 1 + bool(outdated)


def _moved_on(
    context: LabelingContext,
    standing: Standing,
    derived: Derived,
    news: News,
    n_commits: Mapping[str, int],
) -> Standing | None:
    """Return the standing with the tables as they are now; None if another process has written one."""
    marks = marks_of(context)
    commits = n_commits_since(context.tables, standing.marks)
    if any(n > n_commits.get(name, 0) for name, n in commits.items()) or marks != marks_of(context):
        return None
    start, known, put = standing.start, derived.known, derived.put
    for row in put:
        moment = min(row.task_updated_at, row.seen_at or row.task_updated_at)
        if moment >= start.moment:
            start = StartingPoint(moment, row.task_id if row.is_on_server else None)
    n_answers = n_on_server(merged(known, put).annotations) - n_on_server(known.annotations)
    return replace(
        standing,
        at=context.clock(),
        marks=marks,
        start=start,
        n_answers=standing.n_answers + n_answers,
        view=ServerView(news.counts, news.since, news.digests),
    )
