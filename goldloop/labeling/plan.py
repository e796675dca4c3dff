"""Planning: the tasks of the open round, in one commit; a push after a kill continues with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.selection.first_samples import first_samples
from goldloop.selection.plan import budget_left, n_answers_of, plan_tasks
from goldloop.selection.select import select, with_picked_seeds
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
    candidates, n_arrived = read_unlabeled_pool(tables, snapshot.taken)
    has_model = any(candidate.label is not None for candidate in candidates)
    choices = select(
        candidates,
        n_answers=n_left,
        audit_rate=selection.audit_rate,
        audit_share=selection.audit_share,
        audit_answers=n_answers_of(Purpose.AUDIT, settings),
        overlap=selection.overlap,
        below_share=settings.policy.below_share,
        seed=selection.seed,
        n_arrived=n_arrived,
        has_model=has_model,
    )
    if not has_model:
        choices = _with_first_samples(context, choices, candidates, snapshot.taken)
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


def _with_first_samples(
    context: LabelingContext, choices: list[Choice], pool: Sequence[Candidate], taken: Collection[SampleId]
) -> list[Choice]:
    """Return `choices` with seeds that stand for all samples, where the preset has features to tell."""
    selection, by_id = context.settings.selection, {one.sample_id: one for one in pool}
    samples = context.modality.for_preset(context.settings.model.preset)

    def pick(candidates: Sequence[Candidate], n: int) -> list[Candidate] | None:
        first = first_samples(
            [candidate.sample_id for candidate in candidates],
            sorted(taken),
            n,
            features_of=samples.features,
            seed=selection.seed,
        )
        return None if first is None else [by_id[sample_id] for sample_id in first]

    return with_picked_seeds(choices, pool, audit_rate=selection.audit_rate, seed=selection.seed, pick=pick)
