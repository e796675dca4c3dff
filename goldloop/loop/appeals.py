"""Appeals: two people who have not decided a sample look again, because its author objects to the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from goldloop.consensus.answer_roles import APPEAL_ANSWERS
from goldloop.consensus.evidence import SampleEvidence
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Prediction
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import follow_up_plan
from goldloop.loop.briefing import briefed
from goldloop.loop.ports import LoopPorts
from goldloop.loop.push import follow_up
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.tables.appeals import Appeal, read_appeals, save_appeal
from goldloop.tables.batches import find_sample, read_samples
from goldloop.tables.predictions import read_predictions

MOST_WORDS = 2000
"""Characters of an author's words that moderators see."""


class AppealState(StrEnum):
    """What has become of an appeal."""

    WAITING = "waiting for moderators"
    ADJUDICATION = "waiting for an adjudicator"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


@dataclass(frozen=True, slots=True)
class AppealOutcome:
    """An appeal and what has become of it; `n_answers` counts the moderators who answered it.

    `label` is the decision, None before it; `rule`, `reason` and `note` are those of who decided last.
    """

    appeal: Appeal
    state: AppealState
    n_answers: int
    label: str | None = None
    rule: str | None = None
    reason: str | None = None
    note: str | None = None


def add_appeal(ports: LoopPorts, name: str, words: str) -> Appeal:
    """Record that the author of a sample objects to its label, and ask two people who have not decided it.

    `name` is the beginning of its sample_id, its place, or the id of its row. An appeal costs nothing of the
    round's budget. Calling it again, as after a kill, goes on with the same appeal.

    Raises:
        SourceError: `name` is no sample or several, or the sample has no label to object to.
        SettingsError: there are no words.
        ServiceError: the server failed; the appeal is recorded, and the next push brings it there.
    """
    said = " ".join(words.split())[:MOST_WORDS]
    if not said:
        raise SettingsError("an appeal needs the author's words; give them with --reason TEXT")
    sample_id = find_sample(ports.tables, name)
    context = ports.labeling()
    state = context.read_state()
    known = {one.sample_id: one for one in read_appeals(ports.tables.appeals)}
    appeal = known.get(sample_id) or _new_appeal(ports, state, sample_id, said)
    save_appeal(ports.tables.appeals, appeal)
    base = state.snapshot.versions.planned_tasks
    plans = context.retrying(state, lambda now: briefed(ports, _planned(context, now, appeal)))
    context.task_log.plan(plans, base=base)
    follow_up(ports, context, context.fresh(state))
    return appeal


def _new_appeal(ports: LoopPorts, state: LoopState, sample_id: SampleId, words: str) -> Appeal:
    gold = {record.sample_id: record.label for record in state.snapshot.gold.records}
    prediction = read_predictions(ports.tables, [sample_id]).get(sample_id)
    label = gold.get(sample_id) or (prediction.label if prediction else None)
    if label is None:
        raise SourceError(
            f"sample {sample_id[:12]} has no label to object to, neither from annotators nor from a model; "
            "run `goldloop round` first"
        )
    return Appeal(sample_id, words, ports.clock(), label, sample_id in gold)


def _planned(context: LabelingContext, state: LoopState, appeal: Appeal) -> list[PlannedTask]:
    """Return the task of an appeal; nothing where there is one already."""
    key = task_key(appeal.sample_id, Purpose.APPEAL)
    status = state.snapshot.tasks.get(key)
    if status is not None and status.is_live:
        return []
    evidence = state.evidence.get(appeal.sample_id)
    if evidence is None:
        return [_first_plan(context, state, appeal)]
    plan = follow_up_plan(evidence, Purpose.APPEAL, context, round_=state.snapshot.round, position=0)
    return [replace(plan, words=appeal.words, barred=_deciders(evidence))]


def _deciders(evidence: SampleEvidence) -> tuple[str, ...]:
    """Return everybody who has answered, skipped or decided the sample."""
    decided = [evidence.decision.annotator] if evidence.decision else []
    return tuple(sorted({*evidence.people, *decided}))


def _first_plan(context: LabelingContext, state: LoopState, appeal: Appeal) -> PlannedTask:
    """Return the plan of an appeal about a sample that only a machine has labelled.

    It trains and judges nothing: authors object to some labels more than to others.
    """
    sample_id = appeal.sample_id
    sample = read_samples(context.tables, [sample_id])[sample_id]
    prediction: Prediction | None = read_predictions(context.tables, [sample_id]).get(sample_id)
    splits = AssignedSplits(state.snapshot.assigned, max_distance=context.modality.max_distance)
    lane = str(prediction.lane) if prediction else ""
    return PlannedTask(
        key=task_key(sample_id, Purpose.APPEAL),
        round=state.snapshot.round,
        position=0,
        planned_at=context.clock(),
        batch=sample.batch,
        lane=lane,
        stratum=f"{sample.batch}/{lane}",
        split=Split.WITHHELD,
        group=splits.join(sample_id, sample.fingerprint),
        fingerprint=sample.fingerprint,
        entity=sample.entity,
        policy=prediction.policy if prediction else None,
        model_version=prediction.model_version if prediction else None,
        probs=prediction.probs if prediction else None,
        label_names=prediction.label_names if prediction else None,
        words=appeal.words,
    )


def appeal_outcomes(appeals: Sequence[Appeal], state: LoopState) -> list[AppealOutcome]:
    """Return what has become of each of `appeals`, in the order given."""
    evidence = state.evidence
    return [_outcome(appeal, evidence.get(appeal.sample_id)) for appeal in appeals]


def _outcome(appeal: Appeal, evidence: SampleEvidence | None) -> AppealOutcome:
    labels = () if evidence is None else evidence.appealed
    decision = None if evidence is None else evidence.decision
    if len(labels) < APPEAL_ANSWERS:
        return AppealOutcome(appeal, AppealState.WAITING, len(labels))
    if decision is None:
        return AppealOutcome(appeal, AppealState.ADJUDICATION, len(labels))
    is_upheld = decision.label == appeal.label_before
    return AppealOutcome(
        appeal,
        AppealState.UPHELD if is_upheld else AppealState.OVERTURNED,
        len(labels),
        decision.label,
        decision.grounds.rule,
        decision.reason,
        decision.grounds.note,
    )


def list_appeals(ports: LoopPorts) -> list[AppealOutcome]:
    """Return every appeal with what has become of it, in the order in which they were made."""
    return appeal_outcomes(read_appeals(ports.tables.appeals), ports.labeling().read_state())
