"""Rest: a pull that changed nothing, and whether another one would find the same.

A pull follows from the tables, the settings and what the server says. Where all three are as they were when a
pull changed nothing, the next one changes nothing either, and goldloop need not read its tables to know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.codec import from_plain
from goldloop.core.errors import StoredValueError
from goldloop.core.ports import DerivedText
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.pull import PullReport
from goldloop.labeling.server_view import ServerView, state_digest
from goldloop.settings import Settings
from goldloop.tables.server_checks import ServerCheck
from goldloop.tables.snapshot import read_marks


@dataclass(frozen=True, slots=True)
class Rest:
    """What a pull that changed nothing rested on, and what it reported.

    `marks` name the newest commit of each table that a pull reads, `settings` is a digest of those in force,
    and `check` the newest comparison of all tasks with the server. The pull began `at` this moment.
    """

    at: datetime
    settings: str
    marks: Mapping[str, str]
    check: ServerCheck | None
    view: ServerView
    report: PullReport


def read_rest(kept: DerivedText) -> Rest | None:
    """Return what is kept; None where nothing is, or where it cannot be read."""
    text = kept.read()
    try:
        return None if text is None else from_plain(Rest, json.loads(text))
    except (ValueError, StoredValueError):
        return None


def rest_of(
    context: LabelingContext,
    at: datetime,
    marks: Mapping[str, str],
    check: ServerCheck | None,
    report: PullReport,
) -> Rest | None:
    """Return what a pull rested on that began with the tables at `marks`; None if it changed anything.

    None too if it has a sentence for the user, who would miss it in the next one, or if the minutes that
    annotators spend on severe samples are limited: who gets which tasks then depends on the hour.
    """
    follow_ups = report.follow_ups or FollowUpReport()
    quiet = PullReport(
        n_waiting=report.n_waiting,
        n_unsure=report.n_unsure,
        n_disputed=report.n_disputed,
        follow_ups=FollowUpReport(n_postponed=follow_ups.n_postponed),
        view=report.view,
    )
    is_settled = report == quiet and report.view is not None and not is_timed(context.settings)
    if not is_settled or report.view is None or read_marks(context.tables) != marks:
        return None
    return Rest(at, settings_digest(context.settings), dict(marks), check, report.view, report)


def would_find_nothing(context: LabelingContext, rest: Rest) -> bool:
    """Return whether a pull now would find what the pull found that `rest` comes from.

    It asks the server for the numbers of tasks and answers, and for what has changed since.

    Raises:
        ServiceError: the server failed.
    """
    now = context.clock()
    if now < rest.at or (rest.check is not None and rest.check.is_due(now)):
        return False
    if rest.settings != settings_digest(context.settings) or rest.marks != read_marks(context.tables):
        return False
    view = rest.view
    if context.queue.counts() != view.counts:
        return False
    pages = context.queue.changed_since(view.since)  # a restored server lists fewer tasks than before
    return {state.task_id: state_digest(state) for page in pages for state in page} == view.tasks


def is_timed(settings: Settings) -> bool:
    """Return whether the hour decides who gets a task."""
    asked = settings.moderation
    return asked is not None and (asked.max_severe_minutes is not None or bool(asked.opt_out))


def settings_digest(settings: Settings) -> str:
    """Return a digest of the settings in force."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
