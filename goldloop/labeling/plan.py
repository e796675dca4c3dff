"""Planning: the tasks of the open round, in one commit; a push after a kill continues with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from goldloop.core.candidates import Candidates
from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Candidate
from goldloop.core.probs import Probs, stored_probs
from goldloop.core.samples import SampleId
from goldloop.labeling.budget import allowance_of
from goldloop.labeling.choice import ChosenSamples, choose_samples
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.hints import steering_hints
from goldloop.labeling.sheet_choice import SheetChoice, sheet_switch
from goldloop.labeling.sheet_plans import with_sheets
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.plan import plan_tasks
from goldloop.selection.select import Rank
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions
from goldloop.tables.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """How many tasks were added to the open round; `why_more` tells why they go beyond its budget, if so.

    `hinted` counts, by label, the samples that were chosen because they are nearest to the user's hints,
    `n_overdue` those that nobody is asked about any more, because their time for a review is over.
    """

    n_planned: int = 0
    why_more: str | None = None
    hinted: Mapping[str, int] = field(default_factory=dict)
    n_overdue: int = 0


def plan_round(
    context: LabelingContext,
    state: LoopState,
    *,
    is_shown: Callable[[Arm, str], bool] = lambda arm, _: arm is not Arm.HIDDEN,
    brief: Callable[[Sequence[PlannedTask]], list[PlannedTask]] = list,
) -> RoundPlan:
    """Plan tasks of the open round, within its budget; return how many were added.

    Adds no task while tasks of an earlier plan wait to be pushed. Goes beyond the budget when no annotator
    has a task and no model can be trained (`goldloop.labeling.budget`).
    `is_shown` decides, for an arm and a suggested label, whether a review task shows the suggestion; `brief`
    adds to plans what their annotators see beside the samples.
    """
    chosen = ChosenSamples()

    def choose(now: LoopState) -> list[PlannedTask]:
        nonlocal chosen
        chosen = _choose(context, now, is_shown)
        return brief(_planned(context, now, chosen, is_shown)) if chosen.choices or chosen.sheets else []

    base = state.snapshot.versions.planned_tasks
    n_planned = len(context.task_log.plan(context.retrying(state, choose), base=base))
    if not n_planned:
        return RoundPlan(n_overdue=chosen.n_overdue)
    hinted = Counter(choice.candidate.hint for choice in chosen.choices if choice.candidate.hint)
    return RoundPlan(n_planned, chosen.why_more, dict(hinted), chosen.n_overdue)


def _choose(
    context: LabelingContext, state: LoopState, is_shown: Callable[[Arm, str], bool]
) -> ChosenSamples:
    """Return the samples to plan."""
    tables, settings, snapshot = context.tables, context.settings, state.snapshot
    if any(task.is_waiting for task in snapshot.live.values()):
        return ChosenSamples()
    rank = rank_of(context, snapshot)
    allowance, now = allowance_of(state, settings), context.clock()
    sheets = SheetChoice(context, state, is_shown).choose
    return choose_samples(tables, settings, snapshot, allowance, rank=rank, now=now, sheets=sheets)


def _planned(
    context: LabelingContext, state: LoopState, chosen: ChosenSamples, is_shown: Callable[[Arm, str], bool]
) -> list[PlannedTask]:
    tables, snapshot = context.tables, state.snapshot
    sample_ids = [choice.candidate.sample_id for choice in chosen.choices]
    plans = plan_tasks(
        chosen.choices,
        earlier=snapshot.assigned,
        predictions=read_predictions(tables, sample_ids),
        samples=read_samples(tables, sample_ids),
        settings=context.settings,
        is_shown=is_shown,
        round_=snapshot.round,
        at=context.clock(),
        max_distance=context.modality.max_distance,
    )
    if not chosen.sheets:
        return plans
    first = {key: task.plan for key, task in snapshot.tasks.items()}
    barred = sheet_switch(state, context.settings).annotators
    return with_sheets(plans, chosen.sheets, first, barred, round_=snapshot.round, at=context.clock())


def rank_of(context: LabelingContext, snapshot: Snapshot) -> Rank:
    """Return the strategy of the settings, with what is known of samples; hints are read on a call."""
    tables, settings = context.tables, context.settings
    samples, selection = context.modality.for_preset(settings.model.preset), settings.selection

    def probs_of(sample_ids: Sequence[SampleId]) -> Probs:
        found = read_predictions(tables, sample_ids)
        newest = [found[sample_id] for sample_id in sample_ids]
        rows, names = [one.probs or () for one in newest], [one.label_names for one in newest]
        return stored_probs(rows, names, settings.label_set)

    def rank(candidates: Candidates, n: int) -> list[Candidate]:
        hints = steering_hints(tables.hints, snapshot.gold.records, settings, samples)
        known = Known(samples.features, probs_of, asked=sorted(snapshot.taken), hints=hints)
        return next_samples(candidates, n, strategy=selection.strategy, known=known, seed=selection.seed)

    return rank
