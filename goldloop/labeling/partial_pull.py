"""The partial pull: derives only the samples with changed answers, where the others stand as they stood.

It works out what follows before it writes anything. Where more may follow than it can tell - an answer is
gone, the estimates move, a task is to be planned - it returns None, and a whole pull does it all.
"""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from goldloop.consensus import settled_votes
from goldloop.consensus.admission import BULK_N, BULK_S, admit
from goldloop.consensus.estimates import read_estimates
from goldloop.consensus.evidence import answers_of
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import Outcomes, find_outcomes, gold_records, reason_of, relabeled
from goldloop.consensus.votes import VotedSample
from goldloop.core.annotations import AnnotationStatus, ServerCounts, StoredAnnotation, TaskState
from goldloop.core.errors import TableConflictError
from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose, split_key, task_key
from goldloop.gold.records import GoldChange, gold_diff, gold_line, lines_digest
from goldloop.labeling.altered_tasks import is_altered
from goldloop.labeling.annotation_changes import by_key, changes_of
from goldloop.labeling.annotation_merge import AnnotationMerge, n_on_server
from goldloop.labeling.cases import Case, case_of, n_tested
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.follow_up_choice import CHARGED, Choice, chosen_follow_ups
from goldloop.labeling.pull import OVERLAP, PullReport, count_merged, report_refused
from goldloop.labeling.rest import settings_digest
from goldloop.labeling.server_comparison import StartingPoint
from goldloop.labeling.server_view import ServerView, state_digest
from goldloop.labeling.standing import BASIS, Standing, marks_of
from goldloop.labeling.task_reconciliation import Reconciled
from goldloop.tables.answers import (
    RequestLog,
    add_requests,
    annotations_at,
    known_ids,
    read_annotations,
    read_requests,
    record_told,
)
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.snapshot import Snapshot, n_commits_since, read_closed, read_versions
from goldloop.tables.task_log import read_statuses

MOST_CHANGED = 2_000
"""Changed tasks up to which a partial pull is the cheaper one."""


@dataclass(frozen=True, slots=True)
class PartialPull:
    """What a partial pull reports, and where the loop stands after it; None if another process has written."""

    report: PullReport
    standing: Standing | None
    lines: list[str]


@dataclass(frozen=True, slots=True)
class _News:
    """What the server says: its numbers, the tasks that have changed `since`, and the digests of all listed."""

    counts: ServerCounts
    since: datetime
    changed: tuple[TaskState, ...]
    moments: Mapping[int, datetime]
    digests: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the tables hold of some samples."""

    tasks: Mapping[str, TaskStatus]
    requests: RequestLog
    annotations: tuple[StoredAnnotation, ...]
    closed_at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class _Derived:
    """The outcomes of the touched samples before and after, and what follows."""

    before: Outcomes
    after: Outcomes
    cases: Mapping[SampleId, Case]
    choice: Choice
    standing: Standing


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
    news = _news(context, standing)
    if news is None:
        return None
    known = _known(context, {split_key(state.key)[0] for state in news.changed})
    put = _new_rows(context, known, news.changed, now)
    if put is None or not _counts_agree(standing, news, known, put):
        return None
    derived = _derived(context, standing, known, put)
    if derived is None or derived.choice.tasks or _is_settled_dispute(known, derived.after):
        return None
    return _committed(context, derived, known, news, put, lines)


def _news(context: LabelingContext, standing: Standing) -> _News | None:
    counts = context.queue.counts()
    if counts.n_tasks - standing.n_pushed != standing.check.n_extra_tasks:
        return None
    since = standing.start.moment - OVERLAP
    states = list(chain.from_iterable(context.queue.changed_since(since)))
    digests = {state.task_id: state_digest(state) for state in states}
    changed = tuple(
        state for state in states if digests[state.task_id] != standing.view.tasks.get(state.task_id)
    )
    moments = {state.task_id: state.updated_at for state in states}
    is_readable = all(state.is_listed and _has_key(state.key) for state in changed)
    if not is_readable or len(changed) > MOST_CHANGED or not standing.start.is_listed(moments):
        return None
    return _News(counts, since, changed, moments, digests)


def _has_key(key: str) -> bool:
    try:
        return bool(split_key(key))
    except ValueError:
        return False


def _known(context: LabelingContext, samples: Collection[SampleId]) -> _Known:
    keys = {task_key(sample_id, purpose) for sample_id in samples for purpose in Purpose}
    tables = context.tables
    return _Known(
        read_statuses(tables, keys),
        read_requests(tables.answer_requests, keys),
        tuple(read_annotations(tables.annotations, keys)),
        read_closed(tables)[0],
    )


def _new_rows(
    context: LabelingContext, known: _Known, changed: Sequence[TaskState], now: datetime
) -> list[StoredAnnotation] | None:
    """Return the annotations to write; None where one is lost, a task is not as pushed, or there is a burst."""
    kept, put = by_key(known.annotations), list[StoredAnnotation]()
    for state in changed:
        status = known.tasks.get(state.key)
        if status is None or status.event is not Event.PUSHED or status.task_id != state.task_id:
            return None
        if is_altered(state, status):
            return None
        here = kept.get(state.key, {})
        changes = changes_of(state, here, here, seen_at=now)
        if changes.lost:
            return None
        put += changes.put
    new = [row for row in put if row.identity not in kept.get(row.key, {})]
    repeats = len({row.annotation_id for row in new}) < len(new)
    table = context.tables.annotations
    if repeats or (new and known_ids(table, {row.annotation_id for row in new})) or _is_burst(context, put):
        return None
    return put


def _is_burst(context: LabelingContext, put: Sequence[StoredAnnotation]) -> bool:
    """Return whether an annotator gave BULK_N answers or more at one moment, some of them in `put`."""
    if not put:
        return False
    moments, near = [row.created_at for row in put], timedelta(seconds=BULK_S)
    around = annotations_at(context.tables.annotations, min(moments) - near, max(moments) + near)
    rows = {row.identity: row for row in (*around, *put)}.values()
    by_person: dict[str | None, list[datetime]] = {}
    for row in rows:
        if row.status is AnnotationStatus.ANSWER:
            by_person.setdefault(row.annotator, []).append(row.created_at)
    return any(
        last - first <= near
        for given in map(sorted, by_person.values())
        for first, last in zip(given, given[BULK_N - 1 :], strict=False)
    )


def _counts_agree(standing: Standing, news: _News, known: _Known, put: Sequence[StoredAnnotation]) -> bool:
    """Return whether the server holds as many answers as goldloop will know."""
    after = _merged(known, put)
    n_answers = standing.n_answers - n_on_server(known.annotations) + n_on_server(after.annotations)
    return news.counts.n_answers - n_answers == standing.check.n_extra_answers


def _merged(known: _Known, put: Sequence[StoredAnnotation]) -> _Known:
    rows = {row.identity: row for row in (*known.annotations, *put)}.values()
    in_order = sorted(rows, key=lambda row: (row.annotation_id, row.created_at))
    return replace(known, annotations=tuple(in_order))


def _outcomes(context: LabelingContext, standing: Standing, known: _Known) -> Outcomes:
    admission = admit(known.annotations, context.settings.label_set)
    return find_outcomes(
        known.tasks,
        answers_of(known.tasks, admission.admitted, known.closed_at),
        known.requests.n_wanted,
        context.settings,
        admission=admission,
        estimates=read_estimates(standing.estimates, BASIS),
    )


def _cases(context: LabelingContext, known: _Known, outcomes: Outcomes) -> dict[SampleId, Case]:
    live = {key for key, task in known.tasks.items() if task.is_live}
    tested, gains = n_tested(known.requests.requests), outcomes.fit.expected_gain().tolist()
    return {
        outcome.evidence.sample_id: case_of(
            outcome,
            gain,
            live=live,
            n_wanted=known.requests.n_wanted,
            n_tested=tested,
            settings=context.settings,
        )
        for outcome, gain in zip(outcomes.samples, gains, strict=True)
    }


def _derived(
    context: LabelingContext, standing: Standing, known: _Known, put: Sequence[StoredAnnotation]
) -> _Derived | None:
    """Return what follows for the touched samples; None where the estimates would follow from other votes."""
    merged = _merged(known, put)
    before, after = (_outcomes(context, standing, one) for one in (known, merged))
    old = {one.evidence.sample_id: one.evidence.voted for one in before.samples}
    new = {one.evidence.sample_id: one.evidence.voted for one in after.samples}
    n_votes = standing.n_votes + _n_votes(new.values()) - _n_votes(old.values())
    until = standing.settled_until
    if until is not None:
        is_other = settled_votes.n_settled(n_votes) != settled_votes.n_settled(standing.n_votes)
        if is_other or n_votes <= settled_votes.ALL_UP_TO:
            return None
        if old.keys() != new.keys() or not all(_is_settled_alike(old[key], new[key], until) for key in old):
            return None
    cases = _cases(context, merged, after)
    spent = replace(
        standing.spent,
        people=standing.spent.people.union(*(case.voters for case in cases.values())),
        n_votes=n_votes,
    )
    now = _with_cases(replace(standing, spent=spent, n_votes=n_votes), _cases(context, known, before), cases)
    return _Derived(before, after, cases, chosen_follow_ups(now.cases, spent, context.settings), now)


def _n_votes(voted: Iterable[VotedSample]) -> int:
    return sum(len(sample.votes) for sample in voted)


def _is_settled_alike(old: VotedSample, new: VotedSample, until: int) -> bool:
    """Return whether the settled votes are the same, and what the estimates take of their sample."""

    def settled(sample: VotedSample) -> dict[str, tuple[str, str | None, int]]:
        return {
            who: (label, sample.shown.get(who), sample.given_at[who])
            for who, label in sample.votes.items()
            if sample.given_at[who] <= until
        }

    def decided(sample: VotedSample) -> str | None:
        return sample.decision if sample.decided_at <= until else None

    votes = settled(old)
    return votes == settled(new) and (not votes or (old.probs == new.probs and decided(old) == decided(new)))


def _with_cases(
    standing: Standing, before: Mapping[SampleId, Case], after: Mapping[SampleId, Case]
) -> Standing:
    """Return `standing` with the cases of some samples as they are now, in place of those `before`."""
    steps = Counter(dict(standing.steps))
    for sign, cases in ((-1, before), (1, after)):
        for case in cases.values():
            if case.is_begun and case.step is not Step.NOTHING:
                steps[str(case.step)] += sign
    kept = [case for case in standing.cases if case.sample_id not in after]
    calling = [case for case in after.values() if case.calls]
    in_order = sorted((*kept, *calling), key=lambda case: case.sample_id)
    return replace(standing, steps=dict(steps), cases=tuple(in_order))


def _is_settled_dispute(known: _Known, outcomes: Outcomes) -> bool:
    """Return whether a sample that an adjudicator was asked about is gold without a decision."""
    return any(
        outcome.gold_label
        and outcome.evidence.decision is None
        and (task := known.tasks.get(task_key(outcome.evidence.sample_id, Purpose.ADJUDICATION))) is not None
        and task.event is Event.PUSHED
        for outcome in outcomes.samples
    )


def _committed(
    context: LabelingContext,
    derived: _Derived,
    known: _Known,
    news: _News,
    put: Sequence[StoredAnnotation],
    lines: list[str],
) -> PartialPull:
    """Write the answers, the gold and the requests, in this order."""
    standing, report = derived.standing, PullReport(view=ServerView(news.counts, news.since, news.digests))
    merge = AnnotationMerge(context, _snapshot(context, known))
    merge.add(news.changed)
    if {row.identity for row in merge.written} != {row.identity for row in put}:
        raise TableConflictError("another pull has merged the same answers")
    count_merged(merge, Reconciled(counts=news.counts), report)
    report_refused(report, derived.before.admission, derived.after.admission)
    report.n_waiting, report.n_unsure, report.n_disputed = (
        standing.steps.get(step, 0) for step in (Step.WAIT, Step.ASK, Step.ADJUDICATE)
    )
    standing, lines = _with_gold(context, standing, derived.after, report, lines)
    standing = _with_requests(context, standing, derived, report)
    n_commits = {
        "annotations": int(bool(put)),
        "gold": int(report.gold_version is not None),
        "answer_requests": _n_request_commits(report),
    }
    return PartialPull(report, _moved_on(context, standing, news, known, put, n_commits), lines)


def _snapshot(context: LabelingContext, known: _Known) -> Snapshot:
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
    context: LabelingContext, standing: Standing, derived: _Derived, report: PullReport
) -> Standing:
    """Write and tell the requests; return the standing with the cases of their samples."""
    requests, table = derived.choice.requests, context.tables.answer_requests
    report.follow_ups = FollowUpReport(n_postponed=derived.choice.n_postponed)
    if not requests:
        return standing
    is_first = iter((True,))

    def choose() -> Sequence[AnswerRequest]:
        if not next(is_first, False):
            raise TableConflictError("another process has requested answers")
        return requests

    base = int(standing.marks["answer_requests"].split()[0])
    add_requests(table, choose, round_=standing.spent.round, at=context.clock(), base=base)
    report.follow_ups.asked = dict(sorted(Counter(str(one.reason) for one in requests).items()))
    known = _known(context, {split_key(request.key)[0] for request in requests})
    outdated = {
        key: (task.task_id, known.requests.statuses[key].n_wanted)
        for key in sorted({request.key for request in requests})
        if (task := known.tasks.get(key)) and task.event is Event.PUSHED and task.task_id is not None
    }
    if outdated:
        context.queue.ask(dict(outdated.values()))
        record_told(table, outdated, at=context.clock())
    cases = _cases(context, known, _outcomes(context, standing, known))
    earlier = {case.sample_id: case for case in standing.cases} | dict(derived.cases)
    spent = replace(
        standing.spent,
        n=standing.spent.n + sum(request.reason in CHARGED for request in requests),
        n_honeypots=standing.spent.n_honeypots + report.follow_ups.asked.get("honeypot", 0),
    )
    return _with_cases(replace(standing, spent=spent), {key: earlier[key] for key in cases}, cases)


def _n_request_commits(report: PullReport) -> int:
    return 2 * bool(report.follow_ups and report.follow_ups.asked)


def _moved_on(
    context: LabelingContext,
    standing: Standing,
    news: _News,
    known: _Known,
    put: Sequence[StoredAnnotation],
    n_commits: Mapping[str, int],
) -> Standing | None:
    """Return the standing with the tables as they are now; None if another process has written one."""
    marks = marks_of(context)
    commits = n_commits_since(context.tables, standing.marks)
    if any(n > n_commits.get(name, 0) for name, n in commits.items()) or marks != marks_of(context):
        return None
    start = standing.start
    for row in put:
        moment = min(row.task_updated_at, row.seen_at or row.task_updated_at)
        if moment >= start.moment:
            start = StartingPoint(moment, row.task_id if row.is_on_server else None)
    n_answers = n_on_server(_merged(known, put).annotations) - n_on_server(known.annotations)
    return replace(
        standing,
        at=context.clock(),
        marks=marks,
        start=start,
        n_answers=standing.n_answers + n_answers,
        view=ServerView(news.counts, news.since, news.digests),
    )
