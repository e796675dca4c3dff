"""The standing of the loop after a pull: what the next one needs of the samples that it does not touch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.consensus import settled_votes
from goldloop.consensus.admission import Refusal
from goldloop.consensus.estimates import estimates_text
from goldloop.consensus.label import Method
from goldloop.consensus.outcomes import n_by_step
from goldloop.core.codec import from_plain, to_text
from goldloop.core.errors import StoredValueError
from goldloop.core.ports import DerivedText
from goldloop.gold.records import gold_line, lines_digest
from goldloop.labeling.annotation_merge import n_on_server
from goldloop.labeling.cases import Case
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up_choice import Spent, spent_of
from goldloop.labeling.rest import is_timed, settings_digest
from goldloop.labeling.server_comparison import StartingPoint, starting_point
from goldloop.labeling.server_view import ServerView
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.server_checks import ServerCheck
from goldloop.tables.snapshot import read_marks, read_versions

BASIS = "standing"
_ELSEWHERE = ("samples",)  # new arrivals are none of a pull's business while no outcome waits for them


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the loop stands, with the tables at `marks` and the settings of the digest `settings`.

    `cases` are those of the samples that call for something. `steps` counts the answered samples that need
    each next step; `n_votes` are all votes, `settled_until` is the moment of the last settled one in
    microseconds, and `estimates` follow from those, both None where the method has no estimates. The gold
    version `gold` has the digest `gold_digest`. The server holds `n_pushed` tasks and `n_answers` answers as
    far as goldloop knows; `start` is where the next pull goes on, `view` what the server said last.
    """

    at: datetime
    marks: Mapping[str, str]
    settings: str
    check: ServerCheck
    view: ServerView
    start: StartingPoint
    n_pushed: int
    n_answers: int
    spent: Spent
    steps: Mapping[str, int]
    n_votes: int
    settled_until: int | None
    estimates: str | None
    gold: int
    gold_digest: str
    cases: tuple[Case, ...]


def marks_of(context: LabelingContext) -> dict[str, str]:
    """Return the marks of the tables that a standing rests on."""
    return {name: mark for name, mark in read_marks(context.tables).items() if name not in _ELSEWHERE}


def standing_of(
    context: LabelingContext, state: LoopState, check: ServerCheck | None, view: ServerView, at: datetime
) -> tuple[Standing, list[str]] | None:
    """Return the standing after a whole pull that asked nobody anything, and the lines of its gold.

    None where the next pull has to look at everything: with outcomes, imported labels or limits of exposure,
    with answers given in a burst, while the estimates follow from all votes, and where another process has
    written.
    """
    settings, fit, marks = context.settings, state.outcomes.fit.fit, marks_of(context)
    method, table = Method(settings.consensus.method), state.outcomes.fit.fit.beliefs.table
    n_votes = table.n_votes
    is_whole = method is Method.DAWID_SKENE or (
        method is Method.POSTERIOR and (fit.estimates is None or n_votes <= settled_votes.ALL_UP_TO)
    )
    is_burst = any(entry.refusal is Refusal.BURST for entry in state.admission.refused)
    start = starting_point(state.snapshot.annotations, context.clock())
    if (
        is_whole
        or is_burst
        or check is None
        or start is None
        or is_timed(settings)
        or state.snapshot.reported
        or state.snapshot.imported
    ):
        return None
    gold = context.decoded.get("gold", context.tables.gold.version(), GoldStore(context.tables.gold).read)
    lines, cases = [gold_line(record) for record in gold.records], state.cases
    standing = Standing(
        at=at,
        marks=marks,
        settings=settings_digest(settings),
        check=check,
        view=view,
        start=start,
        n_pushed=len(state.snapshot.pushed),
        n_answers=n_on_server(state.snapshot.annotations),
        spent=spent_of(state.snapshot, cases),
        steps={str(step): n for step, n in n_by_step(state.outcomes.samples).items()},
        n_votes=n_votes,
        settled_until=settled_votes.settled_until(table) if method is Method.POSTERIOR else None,
        estimates=estimates_text(fit.estimates, BASIS) if fit.estimates else None,
        gold=gold.version.version,
        gold_digest=gold.version.digest,
        cases=tuple(case for case in cases if case.calls),
    )
    is_current = read_versions(context.tables) == state.snapshot.versions
    return (standing, lines) if is_current and marks_of(context) == marks else None


def save_standing(kept: DerivedText, standing: Standing, lines: list[str]) -> None:
    """Keep `standing` and the lines of its gold: one line each, as the lines hold no break."""
    kept.save("\n".join([to_text(standing), *lines]))


def read_standing(kept: DerivedText) -> tuple[Standing, list[str]] | None:
    """Return what is kept; None where nothing is, or where it cannot be read or does not match its digest."""
    text = kept.read()
    try:
        head, *lines = (text or "null").split("\n")
        plain = json.loads(head)
        standing = None if plain is None else from_plain(Standing, plain)
    except (ValueError, StoredValueError):
        return None
    if standing is None or lines_digest(lines) != standing.gold_digest:
        return None
    return standing, lines
