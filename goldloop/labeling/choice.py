"""The choice of samples: the next ones of the unlabeled pool that the open round may ask about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.candidates import Candidates
from goldloop.core.predictions import Choice
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.labeling.budget import Allowance
from goldloop.labeling.capacity import reviews_left, with_overdue
from goldloop.labeling.sheet_plans import ChosenSheet, affordable
from goldloop.selection.plan import n_answers_of
from goldloop.selection.select import Rank, Spending, select
from goldloop.settings import Settings
from goldloop.tables.predictions import read_unlabeled_pool
from goldloop.tables.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ChosenSamples:
    """The chosen samples; `why_more` tells why they go beyond the budget of the round, if they do.

    `n_overdue` counts the samples that should have been reviewed, and whose time for that is over. `sheets`
    hold those of the choices that are shown together.
    """

    choices: Sequence[Choice] = ()
    why_more: str | None = None
    n_overdue: int = 0
    sheets: Sequence[ChosenSheet] = ()


def in_their_order(candidates: Candidates, n: int) -> Candidates:
    """Return the first n of `candidates`, for who asks only whether there are any."""
    return candidates[:n]


def choose_samples(
    tables: Tables,
    settings: Settings,
    snapshot: Snapshot,
    allowance: Allowance,
    *,
    rank: Rank,
    now: datetime,
    sheets: Callable[[Candidates, int], Sequence[ChosenSheet]] = lambda *_: (),
) -> ChosenSamples:
    """Return the next samples to ask about at `now`; reads no table when the allowance is spent.

    What is not sure is asked singly and first; the answers that are left go to `sheets`.
    """
    if not allowance.n_answers and not allowance.n_more:
        return ChosenSamples()
    audit_only, selection = snapshot.audit_only, settings.selection
    pool = with_overdue(read_unlabeled_pool(tables, snapshot.taken - audit_only), settings, now)
    n_most = reviews_left(tables, settings, snapshot, now)
    if audit_only:
        pool = pool.marked("is_audit_only", pool.among(audit_only))

    def chosen(n_answers: int) -> tuple[list[Choice], list[ChosenSheet]]:
        made = sheets(pool, n_answers)
        on_sheets = {sample_id for one in made for sample_id in one.candidates}
        spending = Spending(
            n_answers,
            audit_rate=selection.audit_rate,
            audit_share=selection.audit_share,
            audit_answers=n_answers_of(Purpose.AUDIT, settings),
            overlap=selection.overlap,
            seed=selection.seed,
            n_most=n_most,
        )
        singly = pool.where(~pool.among(on_sheets)) if on_sheets else pool
        choices = select(singly, spending, rank=rank)
        n_left = n_answers - sum(n_answers_of(choice.purpose, settings) for choice in choices)
        taken = affordable(made, n_left, settings)
        return choices + [choice for one in taken for choice in one.choices], taken

    n_overdue = int(pool.flags("is_overdue").sum())
    choices, taken = chosen(allowance.n_answers)
    if choices or taken or not allowance.n_more:
        return ChosenSamples(choices, n_overdue=n_overdue, sheets=taken)
    choices, taken = chosen(allowance.n_more)
    if allowance.needs_audit:
        choices, taken = [choice for choice in choices if choice.purpose is Purpose.AUDIT], []
    return ChosenSamples(choices, allowance.why_more, n_overdue, taken)
