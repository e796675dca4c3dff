"""The plan: the budget of a round, and a task with split, group and suggestion for each chosen sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from goldloop.core.chance import Arm, arm_of
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.predictions import Choice, Prediction
from goldloop.core.probs import stored_probs, suggestion_hint
from goldloop.core.reported_outcomes import Placement
from goldloop.core.samples import ArrivedSample, SampleId
from goldloop.core.splits import wanted_split
from goldloop.core.tasks import Purpose, n_first_answers, task_key
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.settings import Settings

FIRST_ASKED = (Purpose.SEED, Purpose.AUDIT, Purpose.REVIEW, Purpose.SHEET, Purpose.FULL)
"""Purposes of a sample's first task; tasks of the other purposes follow up on first answers."""


@dataclass(frozen=True, slots=True)
class RoundBudget:
    """The answers of a round: `n_first` are first answers, `n_repeat` are for what follows from them."""

    n_first: int
    n_repeat: int


def round_budget(settings: Settings, *, has_model: bool) -> RoundBudget:
    """Return how the budget of a round is divided.

    What follows from first answers gets the share `consensus.repeat_share` of the budget. Before the first
    model it gets this share of the audit's part alone: a model learns more from further samples [lin2014].
    """
    selection = settings.selection
    followed = selection.budget_per_round * (1 if has_model else selection.audit_share)
    n_repeat = int(settings.consensus.repeat_share * followed)
    return RoundBudget(selection.budget_per_round - n_repeat, n_repeat)


def n_answers_of(purpose: Purpose, settings: Settings) -> int:
    """Return the number of first answers that a task of this purpose requests."""
    return n_first_answers(
        purpose,
        overlap=settings.selection.overlap,
        audit_answers=settings.consensus.audit_answers,
        is_checked=False,
    )


def n_first_asked(tasks: Iterable[TaskStatus], round_: int, settings: Settings) -> int:
    """Return the number of first answers that round `round_` has requested, given the live tasks.

    A sample on a sheet counts as the share of an answer that it takes.
    """
    asked = [task.purpose for task in tasks if task.round == round_ and task.purpose in FIRST_ASKED]
    n_on_sheets = asked.count(Purpose.SHEET)
    others = sum(n_answers_of(purpose, settings) for purpose in asked if purpose is not Purpose.SHEET)
    return others + ceil(n_on_sheets * settings.sheets.share_of_review)


def plan_tasks(
    choices: Sequence[Choice],
    *,
    earlier: Iterable[PlannedTask | Placement],
    predictions: Mapping[SampleId, Prediction],
    samples: Mapping[SampleId, ArrivedSample],
    settings: Settings,
    is_shown: Callable[[Arm, str], bool],
    round_: int,
    at: datetime,
    max_distance: int = MAX_FINGERPRINT_DISTANCE,
) -> list[PlannedTask]:
    """Return a task for each of `choices`, in order.

    `earlier` holds every task planned before, and the placements of unasked samples with outcomes.
    `is_shown` decides, for an arm and a suggested label, whether a review task shows the suggestion; the plan
    records a hidden suggestion as well.
    `samples` are the chosen ones as they arrived; those whose fingerprints differ in at most `max_distance`
    bits are near-duplicates.
    """
    splits = AssignedSplits(earlier, max_distance=max_distance)
    selection, hidden_share = settings.selection, settings.suggestions.hidden_share
    seed, audit_rate = selection.seed, selection.audit_rate
    plans = []
    for position, choice in enumerate(choices):
        sample_id = choice.candidate.sample_id
        prediction, sample = predictions.get(sample_id), samples[sample_id]
        group, entity = splits.join(sample_id, sample.fingerprint), sample.entity
        wanted = wanted_split(sample_id, choice.purpose, audit_rate=audit_rate, seed=seed, entity=entity)
        plan = PlannedTask(
            key=task_key(sample_id, choice.purpose),
            round=round_,
            position=position,
            planned_at=at,
            batch=choice.candidate.batch,
            lane=str(choice.candidate.lane),
            stratum=choice.stratum,
            split=splits.assign(group, entity, wanted),
            group=group,
            fingerprint=sample.fingerprint,
            entity=entity,
            inclusion_probability=choice.inclusion_probability,
            policy=prediction.policy if prediction else None,
            model_version=prediction.model_version if prediction else None,
            probs=prediction.probs if prediction else None,
            label_names=prediction.label_names if prediction else None,
        )
        if choice.purpose is Purpose.SHEET and prediction:
            plan = replace(
                plan,
                suggested_label=prediction.label,
                suggested_score=prediction.confidence,
                is_shown=True,
            )
        if choice.purpose is Purpose.REVIEW and prediction and prediction.label in settings.labels:
            arm = arm_of(sample_id, hidden_share=hidden_share, seed=seed)
            plan = _with_suggestion(plan, prediction, settings, arm, is_shown(arm, prediction.label))
        plans.append(plan)
    return plans


def _with_suggestion(
    plan: PlannedTask, prediction: Prediction, settings: Settings, arm: Arm, is_shown: bool
) -> PlannedTask:
    labels = settings.label_set
    probs = stored_probs([prediction.probs or ()], [prediction.label_names], labels)[0]
    return replace(
        plan,
        suggested_label=prediction.label,
        suggested_score=prediction.confidence,
        hint=suggestion_hint(probs, labels),
        arm=arm,
        is_shown=is_shown,
    )
