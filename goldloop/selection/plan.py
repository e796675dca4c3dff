"""Planning: what people are asked in the open round, as one commit that a killed or doubled push resumes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

import numpy as np

from goldloop.core.arms import Arm, arm_of
from goldloop.core.ports import Row, Tables
from goldloop.core.probs import suggestion_hint
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Event, Purpose, TaskStatus
from goldloop.selection.budget import FIRST_ASKED, n_answers_of, repeat_budget
from goldloop.selection.select import select
from goldloop.settings import Settings
from goldloop.tables.rounds import current_round
from goldloop.tables.task_log import TaskLog, planned_rows
from goldloop.tables.unlabeled_pool import prediction_rows, read_unlabeled_pool, sample_rows


def plan_round(
    *,
    tables: Tables,
    task_log: TaskLog,
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
        live = [one for one in task_log.statuses().values() if one.is_live]
        if any(one.event is not Event.PUSHED for one in live):
            return []
        round_ = current_round(tables)
        n_left = selection.budget_per_round - repeat_budget(settings) - _n_asked(live, round_, settings)
        if n_left <= 0:
            return []
        taken = {one.sample_id for one in live} | set(is_labelled)
        pool = read_unlabeled_pool(tables, taken)
        choices = select(
            pool.candidates,
            n_answers=n_left,
            audit_rate=selection.audit_rate,
            audit_share=selection.audit_share,
            audit_answers=n_answers_of(Purpose.AUDIT, settings),
            overlap=selection.overlap,
            below_share=settings.policy.below_share,
            seed=selection.seed,
            n_arrived=pool.n_arrived,
            has_model=any(one.label is not None for one in pool.candidates),
        )
        n_planned = len(choices)
        chosen = [one.candidate.sample_id for one in choices]
        return planned_rows(
            choices,
            seq=seq,
            round_=round_,
            at=clock(),
            seed=selection.seed,
            task_log=task_log,
            predictions=prediction_rows(tables, chosen),
            fingerprints={key: row["fingerprint"] for key, row in sample_rows(tables, chosen).items()},
            hints=lambda probs: suggestion_hint(np.asarray(probs, dtype=np.float64), settings.label_set),
            arms=_arms(settings, is_shown),
        )

    task_log.plan(make_rows)
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
