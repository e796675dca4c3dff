"""The news of a partial pull: what the server and the tables say of the tasks that have changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from goldloop.consensus.admission import BULK_N, BULK_S
from goldloop.core.annotations import AnnotationStatus, ServerCounts, StoredAnnotation, TaskState
from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key, task_key
from goldloop.labeling.altered_tasks import is_altered
from goldloop.labeling.annotation_changes import by_key, changes_of
from goldloop.labeling.annotation_merge import n_on_server
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.pull import OVERLAP
from goldloop.labeling.server_view import state_digest
from goldloop.labeling.standing import Standing
from goldloop.tables.answers import (
    RequestLog,
    annotations_at,
    known_ids,
    read_annotations,
    read_requests,
)
from goldloop.tables.snapshot import read_closed
from goldloop.tables.task_log import read_statuses

MOST_CHANGED = 2_000
"""Changed tasks up to which a partial pull is the cheaper one."""


@dataclass(frozen=True, slots=True)
class News:
    """What the server says: its numbers, what has changed `since`, and digests of all listed."""

    counts: ServerCounts
    since: datetime
    changed: tuple[TaskState, ...]
    moments: Mapping[int, datetime]
    digests: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables hold of some samples."""

    tasks: Mapping[str, TaskStatus]
    requests: RequestLog
    annotations: tuple[StoredAnnotation, ...]
    closed_at: tuple[datetime, ...]


def news_of(context: LabelingContext, standing: Standing) -> News | None:
    """Ask the server; return None where tasks came or went, or the server was set back."""
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
    return News(counts, since, changed, moments, digests)


def _has_key(key: str) -> bool:
    try:
        return bool(split_key(key))
    except ValueError:
        return False


def known_of(context: LabelingContext, samples: Collection[SampleId]) -> Known:
    """Read what the tables hold of `samples`; no other row is decoded."""
    keys = {task_key(sample_id, purpose) for sample_id in samples for purpose in Purpose}
    tables = context.tables
    return Known(
        read_statuses(tables, keys),
        read_requests(tables.answer_requests, keys),
        tuple(read_annotations(tables.annotations, keys)),
        read_closed(tables)[0],
    )


def new_rows(
    context: LabelingContext, known: Known, changed: Sequence[TaskState], now: datetime
) -> list[StoredAnnotation] | None:
    """Return the annotations to write; None where one is lost or a task is not as it was pushed."""
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


def counts_agree(standing: Standing, news: News, known: Known, put: Sequence[StoredAnnotation]) -> bool:
    """Return whether the server holds as many answers as goldloop will know."""
    after = merged(known, put)
    n_answers = standing.n_answers - n_on_server(known.annotations) + n_on_server(after.annotations)
    return news.counts.n_answers - n_answers == standing.check.n_extra_answers


def merged(known: Known, put: Sequence[StoredAnnotation]) -> Known:
    """Return what will be known once the annotations `put` are written."""
    rows = {row.identity: row for row in (*known.annotations, *put)}.values()
    in_order = sorted(rows, key=lambda row: (row.annotation_id, row.created_at))
    return replace(known, annotations=tuple(in_order))
