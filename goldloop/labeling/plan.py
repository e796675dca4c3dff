"""Planning: the tasks of the open round, in one commit; a push after a kill continues with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.probs import Probs, stored_probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.plan import budget_left, n_answers_of, plan_tasks
from goldloop.selection.select import Rank, Spending, select
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions, read_unlabeled_pool


def plan_round(
    context: LabelingContext,
    state: LoopState,
    *,
    is_shown: Callable[[Arm, str], bool] = lambda arm, _: arm is not Arm.HIDDEN,
) -> int:
    """Plan tasks of the open round, within its budget; return how many were added.

    Adds no task while tasks of an earlier plan wait to be pushed, or when the round's budget is spent.
    `is_shown` decides, for an arm and a suggested label, whether a review task shows the suggestion.
    """
    choose = context.retrying(state, lambda now: _choose(context, now, is_shown))
    base = state.snapshot.versions.planned_tasks
    return len(context.task_log.plan(choose, base=base))


def _choose(
    context: LabelingContext, state: LoopState, is_shown: Callable[[Arm, str], bool]
) -> list[PlannedTask]:
    tables, settings, snapshot = context.tables, context.settings, state.snapshot
    selection = settings.selection
    live = snapshot.live.values()
    n_left = budget_left(live, snapshot.round, settings)
    if n_left <= 0 or any(task.is_waiting for task in live):
        return []
    spending = Spending(
        n_left,
        audit_rate=selection.audit_rate,
        audit_share=selection.audit_share,
        audit_answers=n_answers_of(Purpose.AUDIT, settings),
        overlap=selection.overlap,
        seed=selection.seed,
    )
    candidates = read_unlabeled_pool(tables, snapshot.taken)
    choices = select(candidates, spending, rank=_rank(context, snapshot.taken))
    chosen = [choice.candidate.sample_id for choice in choices]
    return plan_tasks(
        choices,
        earlier=(task.plan for task in snapshot.tasks.values()),
        predictions=read_predictions(tables, chosen),
        fingerprints={key: sample.fingerprint for key, sample in read_samples(tables, chosen).items()},
        settings=settings,
        is_shown=is_shown,
        round_=snapshot.round,
        at=context.clock(),
        max_distance=context.modality.max_distance,
    )


def _rank(context: LabelingContext, taken: Collection[SampleId]) -> Rank:
    """Return the strategy of the settings, with what is known of samples; `taken` were asked about."""
    tables, settings = context.tables, context.settings
    samples = context.modality.for_preset(settings.model.preset)

    def probs_of(sample_ids: Sequence[SampleId]) -> Probs:
        found = read_predictions(tables, sample_ids)
        newest = [found[sample_id] for sample_id in sample_ids]
        rows, names = [one.probs or () for one in newest], [one.label_names for one in newest]
        return stored_probs(rows, names, settings.label_set)

    known = Known(samples.features, probs_of, asked=sorted(taken))
    selection = settings.selection
    return partial(next_samples, strategy=selection.strategy, known=known, seed=selection.seed)
