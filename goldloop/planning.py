"""Planning: what people are asked in the open round, as one commit that a killed or doubled push resumes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

import numpy as np

from goldloop.asking.steps import n_first_answers
from goldloop.backlog import prediction_rows, read_backlog, sample_rows
from goldloop.ledger import Event, Ledger, TaskStatus, planned_rows
from goldloop.ports import Row, Tables
from goldloop.predictions import suggestion_hint
from goldloop.samples import SampleId
from goldloop.selection import select
from goldloop.settings import Settings
from goldloop.suggestions.anchoring import Arm, arm_of
from goldloop.tasks import Purpose

FIRST_ASKED = (Purpose.SEED, Purpose.AUDIT, Purpose.REVIEW, Purpose.DEEP)
"""Why a sample is shown to people for the first time; all else follows from their answers."""


def current_round(tables: Tables) -> int:
    """Return the number of the open round: 0 before the first retrain, then the last closed one plus one."""
    closed = tables.rounds.read(["round"])["round"].to_pylist()
    return max(closed, default=-1) + 1


def repeat_budget(settings: Settings) -> int:
    """Return how many answers of a round's budget are kept for what follows from first answers."""
    return int(settings.consensus.repeat_share * settings.selection.budget_per_round)


def n_answers_of(purpose: Purpose, settings: Settings) -> int:
    """Return how many answers a task asks for at first."""
    return n_first_answers(
        purpose,
        overlap=settings.selection.overlap,
        audit_answers=settings.consensus.audit_answers,
        is_checked=False,
    )


def plan_round(
    *,
    tables: Tables,
    ledger: Ledger,
    settings: Settings,
    is_labelled: Collection[SampleId],
    is_shown: Callable[[Arm, str], bool] = lambda arm, _: arm is not Arm.HIDDEN,
    clock: Callable[[], datetime],
) -> int:
    """Plan what people are asked in the open round, within its budget; return how many tasks were added.

    Adds nothing while an earlier plan is not wholly pushed, or when the round's budget is spent. `is_shown`
    says of an arm and a suggested label whether a review task shows the suggestion.
    """
    n_planned = 0
    selection = settings.selection

    def make_rows(seq: int) -> Sequence[Row]:
        nonlocal n_planned
        n_planned = 0
        live = [one for one in ledger.statuses().values() if one.is_live]
        if any(one.event is not Event.PUSHED for one in live):
            return []
        round_ = current_round(tables)
        n_left = selection.budget_per_round - repeat_budget(settings) - _n_asked(live, round_, settings)
        if n_left <= 0:
            return []
        taken = {one.sample_id for one in live} | set(is_labelled)
        backlog = read_backlog(tables, taken)
        choices = select(
            backlog.candidates,
            n_answers=n_left,
            audit_rate=selection.audit_rate,
            audit_share=selection.audit_share,
            audit_answers=n_answers_of(Purpose.AUDIT, settings),
            overlap=selection.overlap,
            below_share=settings.policy.below_share,
            seed=selection.seed,
            n_arrived=backlog.n_arrived,
            has_model=any(one.label is not None for one in backlog.candidates),
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
            hints=lambda probs: suggestion_hint(np.asarray(probs, dtype=np.float64), settings.label_set),
            arms=_arms(settings, is_shown),
        )

    ledger.plan(make_rows)
    return n_planned


def _n_asked(live: Iterable[TaskStatus], round_: int, settings: Settings) -> int:
    """Return how many first answers the open round has asked for."""
    asked = [one for one in live if one.round == round_ and one.purpose in FIRST_ASKED]
    return sum(n_answers_of(one.purpose, settings) for one in asked)


def _arms(
    settings: Settings, is_shown: Callable[[Arm, str], bool]
) -> Callable[[SampleId, str], tuple[Arm, bool]]:
    def arm_and_shown(sample_id: SampleId, suggested: str) -> tuple[Arm, bool]:
        arm = arm_of(sample_id, hidden_share=settings.suggestions.hidden_share, seed=settings.selection.seed)
        return arm, is_shown(arm, suggested)

    return arm_and_shown
