"""The comparison with the server: where a pull goes on, and what a pull by time has missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.annotations import ListedTask, Resolution, ServerCounts, StoredAnnotation
from goldloop.labeling.annotation_merge import AnnotationMerge, n_on_server
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.task_reconciliation import Reconciled
from goldloop.tables.server_checks import ServerCheck
from goldloop.tables.snapshot import Snapshot

_PAGE = 500  # tasks


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The moment where a pull goes on, and the task that the server must list there; None if it is gone."""

    moment: datetime
    task_id: int | None

    def is_listed(self, seen: Mapping[int, datetime]) -> bool:
        """Whether the server has listed the newest change, or a newer one of its task.

        Otherwise the server was restored from a backup, or its clock was set back.
        """
        return self.task_id is None or (self.task_id in seen and seen[self.task_id] >= self.moment)


def starting_point(annotations: Iterable[StoredAnnotation], now: datetime) -> StartingPoint | None:
    """Return where the next pull goes on: at the newest change that goldloop has read; None for the start.

    The server stamps changes by its clock, which may run ahead for a while. A change that goldloop has read
    is not newer than the pull that read it, and no pull of the past began in the future.
    """
    moments = [(min(row.task_updated_at, row.seen_at or row.task_updated_at), row) for row in annotations]
    past = [(moment, row) for moment, row in moments if moment <= now]
    if not past:
        return None
    moment, newest = max(past, key=lambda entry: entry[0])
    return StartingPoint(moment, newest.task_id if newest.is_on_server else None)


def is_comparison_due(snapshot: Snapshot, check: ServerCheck | None, now: datetime) -> bool:
    """Return whether this pull compares every task with the server; `check` is the newest comparison."""
    return bool(snapshot.pushed) and (check is None or check.is_due(now))


def compare_all(
    context: LabelingContext, snapshot: Snapshot, merge: AnnotationMerge, reconciled: Reconciled
) -> tuple[ServerCheck, Sequence[ListedTask]] | None:
    """Read every task again for which the server lists other answers or another time than the table has.

    Costs nothing, and returns None, while the numbers of answers agree and nobody has listed the tasks.
    """
    n_extra = reconciled.check.n_extra_answers if reconciled.check else 0

    def agrees(n_answers: int) -> bool:
        return n_answers - merge.n_answers == n_extra

    listing = reconciled.listing
    if listing is None:
        # The first number is older than the answers that were just read.
        if agrees(reconciled.counts.n_answers) or agrees(context.queue.counts().n_answers):
            return None
        listing = tuple(context.queue.listing())
    odd = [task.task_id for task in listing if merge.differs(task)]
    for first in range(0, len(odd), _PAGE):
        merge.add(context.queue.states(odd[first : first + _PAGE]))
    counts = context.queue.counts()
    n_tasks, n_answers = counts.n_tasks - len(snapshot.pushed), counts.n_answers - merge.n_answers
    n_gone = len(set(snapshot.pushed.values()) - {task.task_id for task in listing})
    return ServerCheck(context.clock(), n_tasks, n_answers, n_gone), listing


@dataclass(frozen=True, slots=True)
class AnswerTotals:
    """The answers that the server holds as far as goldloop knows, and those kept that it has lost.

    `is_asked` says whether any task is on the server.
    """

    is_asked: bool
    n_pulled: int
    n_kept: int


def answer_totals(snapshot: Snapshot) -> AnswerTotals:
    """Return how many answers were pulled."""
    n_kept = sum(row.resolution is Resolution.KEPT for row in snapshot.annotations)
    return AnswerTotals(bool(snapshot.pushed), n_on_server(snapshot.annotations), n_kept)


def answers_sentence(totals: AnswerTotals, check: ServerCheck | None, counts: ServerCounts) -> str:
    """Return the numbers of answers on the server and of those pulled, and what to do when they differ."""
    n_others = check.n_extra_answers if check else 0
    sentence = f"{counts.n_answers} on the server, {totals.n_pulled} pulled"
    if n_others > 0:
        sentence += f", {n_others} that goldloop cannot count"
    if n_others < 0:
        sentence += f", {-n_others} that the server no longer holds"
    if totals.n_kept:
        sentence += f", {totals.n_kept} kept that the server has lost"
    is_complete = counts.n_answers == totals.n_pulled + n_others
    return sentence if is_complete else f"{sentence}; run 'goldloop pull'"
