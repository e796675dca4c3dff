"""Planning: what people are asked in the open round, as one commit that a killed or doubled push resumes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import numpy as np

from goldloop.backlog import prediction_rows, read_backlog, sample_rows
from goldloop.labels import LabelSet
from goldloop.ledger import Event, Ledger, planned_rows
from goldloop.ports import Row, Tables
from goldloop.predictions import suggestion_hint
from goldloop.samples import SampleId
from goldloop.selection import select
from goldloop.settings import SelectionSettings
from goldloop.tasks import Purpose


def current_round(tables: Tables) -> int:
    """Return the number of the open round: 0 before the first retrain, then the last closed one plus one."""
    closed = tables.rounds.read(["round"])["round"].to_pylist()
    return max(closed, default=-1) + 1


def plan_round(
    *,
    tables: Tables,
    ledger: Ledger,
    labels: LabelSet,
    selection: SelectionSettings,
    is_labelled: Collection[SampleId],
    clock: Callable[[], datetime],
) -> int:
    """Plan what people are asked in the open round, within its budget; return how many tasks were added.

    Adds nothing while an earlier plan is not wholly pushed, or when the round's budget is spent.
    """
    n_planned = 0

    def make_rows(seq: int) -> Sequence[Row]:
        nonlocal n_planned
        n_planned = 0
        statuses = ledger.statuses()
        live = [one for one in statuses.values() if one.is_live]
        if any(one.event is not Event.PUSHED for one in live):
            return []
        round_ = current_round(tables)
        n_left = selection.budget_per_round // selection.overlap - sum(one.round == round_ for one in live)
        if n_left <= 0:
            return []
        taken = {one.sample_id for one in live} | set(is_labelled)
        backlog = read_backlog(tables, taken)
        has_model = any(one.label is not None for one in backlog.candidates)
        choices = select(
            backlog.candidates,
            n_tasks=n_left,
            audit_rate=selection.audit_rate,
            audit_share=selection.audit_share,
            seed=selection.seed,
            n_arrived=backlog.n_arrived,
            n_audited=sum(one.purpose is Purpose.AUDIT for one in live),
            has_model=has_model,
        )
        n_planned = len(choices)
        chosen = [one.candidate.sample_id for one in choices]
        return planned_rows(
            choices,
            seq=seq,
            round_=round_,
            at=clock(),
            seed=selection.seed,
            ledger=ledger,
            predictions=prediction_rows(tables, chosen),
            fingerprints={key: row["fingerprint"] for key, row in sample_rows(tables, chosen).items()},
            hints=lambda probs: suggestion_hint(np.asarray(probs, dtype=np.float64), labels),
        )

    ledger.plan(make_rows)
    return n_planned
