"""Evidence: all answers about one sample, and which of them count, from tasks, annotations and requests."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from goldloop.consensus.answer_roles import (
    FIRST_OF,
    appeal_answers,
    decision_of,
    newest_votes,
    uncounted_keys,
)
from goldloop.consensus.votes import VotedSample
from goldloop.core.annotations import NO_GROUNDS, Answer, StoredAnnotation
from goldloop.core.chance import Arm
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.probs import column_names, named_columns, over_labels
from goldloop.core.reported_outcomes import KnownOutcome
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, n_first_answers
from goldloop.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

QUICK = (Purpose.SEED, Purpose.REVIEW)
"""Purposes of tasks that one annotator answers; who does not know can ask for a full review there."""


@dataclass(frozen=True, slots=True)
class SampleEvidence:
    """All answers about one sample, and which of them count.

    `plan` is the plan of its first task, `keys` its live tasks whose answers vote. `votes` holds the newest
    answer of each annotator, in the order of their first answers; `skips` holds the skips of annotators
    without a vote. `decision` is the adjudicator's answer, or the later one of two people who agree on an
    appeal; `appealed` holds the labels of those who answered the appeal. `uncounted` holds, once for each
    answer, the key of a recheck, appeal or adjudication task whose answer does not count: its annotator had
    voted on the sample before, or decided without being an adjudicator. It also holds the key of each answer
    that the server counts and goldloop refuses, and of each that asks for a full review of a sample with
    several answers. A sample `is_deferred` if somebody asked for a full review in place of a single answer.
    goldloop has requested `n_asked` answers in total, of which the `n_first` first are independent. Samples
    that measure a model or an annotator, `is_strict`, go to adjudication when the first answers differ.
    `reported` is what became of the sample, if that is known. `basis` is all that the evidence follows from.
    """

    sample_id: SampleId
    plan: PlannedTask
    keys: tuple[str, ...]
    votes: tuple[Answer, ...]
    skips: tuple[Answer, ...]
    decision: Answer | None
    uncounted: tuple[str, ...]
    voted: VotedSample
    n_asked: int
    n_first: int
    is_strict: bool
    appealed: tuple[str, ...] = ()
    reported: KnownOutcome | None = None
    is_deferred: bool = False
    basis: object = field(default=None, compare=False, repr=False)

    @property
    def purpose(self) -> Purpose:
        """Purpose of the sample's first task."""
        return self.plan.purpose

    @property
    def people(self) -> frozenset[str]:
        """Annotators who have answered or skipped the sample."""
        return frozenset(answer.annotator for answer in (*self.votes, *self.skips))

    @property
    def arm(self) -> Arm:
        """Arm of the sample in the measurement of automation bias."""
        return self.plan.arm or Arm.UNTESTED


def answers_of(
    tasks: Mapping[str, TaskStatus], admitted: Iterable[StoredAnnotation], closed_at: Collection[datetime]
) -> list[Answer]:
    """Return every admitted answer and skip on a live task, in order of annotation id.

    `closed_at` holds the time at which each round closed; an answer belongs to the round open at its time.
    """
    moments = sorted(closed_at)
    answers = []
    for annotation in sorted(admitted, key=lambda annotation: annotation.annotation_id):
        task = tasks.get(annotation.key)
        if task is None or not task.is_live or annotation.annotator is None:
            continue
        answers.append(
            Answer(
                annotation_id=annotation.annotation_id,
                sample_id=task.sample_id,
                purpose=task.purpose,
                annotator=annotation.annotator,
                label=annotation.label,
                reason=annotation.reason,
                round=bisect.bisect_left(moments, annotation.created_at),
                created_at=annotation.created_at,
                updated_at=annotation.updated_at,
                lead_time_s=annotation.lead_time_s,
                suggested_label=annotation.shown_label or task.plan.suggested_label,
                is_shown=annotation.shown_label is not None,
                grounds=annotation.grounds or NO_GROUNDS,
            )
        )
    return answers


def evidence_of(
    tasks: Mapping[str, TaskStatus],
    answers: Iterable[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
    n_lost: Mapping[str, int] = MappingProxyType({}),
    *,
    reported: Mapping[SampleId, KnownOutcome] = MappingProxyType({}),
    earlier: Mapping[SampleId, SampleEvidence] = MappingProxyType({}),
) -> list[SampleEvidence]:
    """Return the evidence of every sample with a live task whose answers vote, in order of sample_id.

    `n_wanted` is the number of answers that goldloop wants, by key, where it is more than one. `n_lost` is
    the number of answers that the server counts and goldloop refuses, by key, where there are any. `reported`
    is what became of samples. Where nothing has changed of what the evidence in `earlier` follows from, it is
    used again.
    """
    plans: dict[SampleId, dict[Purpose, PlannedTask]] = {}
    for task in tasks.values():
        if task.is_live:
            plans.setdefault(task.sample_id, {})[task.purpose] = task.plan
    by_sample: dict[SampleId, list[Answer]] = {}
    for answer in answers:
        by_sample.setdefault(answer.sample_id, []).append(answer)
    found = []
    for sample_id in sorted(plans):
        if any(purpose.has_votes for purpose in plans[sample_id]):
            mine, given, known = plans[sample_id], by_sample.get(sample_id, []), earlier.get(sample_id)
            keys = [plan.key for plan in mine.values()]
            counts = [(n_wanted.get(key), n_lost.get(key)) for key in keys]
            basis = (settings, list(mine.values()), given, counts, reported.get(sample_id))
            if known is None or known.basis != basis:
                known = _evidence(mine, given, n_wanted, settings, n_lost, basis=basis)
                known = _with_outcome(known, reported.get(sample_id))
            found.append(known)
    return found


def _with_outcome(evidence: SampleEvidence, reported: KnownOutcome | None) -> SampleEvidence:
    """Return the evidence with what became of the sample, which measures those who voted on it.

    A sample without votes says nothing of anybody: fraud is reported, and what is genuine is not, so such
    samples would tell the consensus that fraud is frequent.
    """
    if reported is None:
        return evidence
    voted = evidence.voted
    if evidence.votes:
        voted = replace(
            voted,
            decision=reported.label,
            decided_by=Purpose.OUTCOME,
            decided_at=_microseconds(reported.known_at),
        )
    return replace(evidence, voted=voted, reported=reported)


def _evidence(
    plans: Mapping[Purpose, PlannedTask],
    answers: Sequence[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
    n_lost: Mapping[str, int],
    *,
    basis: object,
) -> SampleEvidence:
    plan = next(plans[purpose] for purpose in FIRST_OF if purpose in plans)
    purpose = plan.purpose
    overlap, audit_answers = settings.selection.overlap, settings.consensus.audit_answers
    may_show = purpose is not Purpose.AUDIT  # an audit answer counts only if it was given blind
    voting = [answer for answer in answers if answer.purpose.has_votes and (may_show or not answer.is_shown)]
    votes = newest_votes(voting)
    label_of = {vote.annotator: str(vote.label) for vote in votes}
    appeal, adjudicators = appeal_answers(answers), set(settings.annotators.adjudicators)
    decision = decision_of(answers, appeal, label_of, adjudicators)
    keys = tuple(plans[asked_for].key for asked_for in sorted(plans) if asked_for.has_votes)
    skips = tuple(answer for answer in voting if answer.is_skip and answer.annotator not in label_of)
    again, n_deferred = _deferrals(skips, plans)
    uncounted = uncounted_keys(answers, plans, adjudicators) + _lost(plans, n_lost) + again
    is_checked = plan.arm in (Arm.HIDDEN, Arm.SHOWN)
    n_asked = sum(max(n_wanted.get(key, 1), overlap if key == plan.key else 1) for key in keys)
    return SampleEvidence(
        sample_id=plan.sample_id,
        plan=plan,
        keys=keys,
        votes=votes,
        skips=skips,
        decision=decision,
        uncounted=uncounted,
        voted=_voted(plans, votes, decision, settings.label_set),
        n_asked=n_asked - n_deferred - sum(key in keys for key in uncounted),
        n_first=n_first_answers(purpose, overlap=overlap, audit_answers=audit_answers, is_checked=is_checked),
        is_strict=purpose in (Purpose.AUDIT, Purpose.FULL, Purpose.APPEAL) or is_checked,
        appealed=tuple(str(answer.label) for answer in appeal),
        is_deferred=n_deferred > 0,
        basis=basis,
    )


def _deferrals(skips: Iterable[Answer], plans: Mapping[Purpose, PlannedTask]) -> tuple[tuple[str, ...], int]:
    """Return the key of each review in full that asks for another, and how many quick ones ask for one."""
    deferrals = [answer for answer in skips if answer.is_deferred and answer.purpose in plans]
    again = tuple(plans[one.purpose].key for one in deferrals if one.purpose not in QUICK)
    return again, len(deferrals) - len(again)


def _voted(
    plans: Mapping[Purpose, PlannedTask], votes: Sequence[Answer], decision: Answer | None, labels: LabelSet
) -> VotedSample:
    """Return what the consensus takes of the evidence; a decision's purpose is that of its task."""
    suggested = [vote for vote in votes if vote.is_shown and vote.suggested_label in labels]
    answered = {vote.label for vote in votes} | ({decision.label} if decision else set())
    return VotedSample(
        sample_id=next(iter(plans.values())).sample_id,
        votes={vote.annotator: str(vote.label) for vote in votes},
        probs=_probs(plans, labels, answered),
        shown={vote.annotator: str(vote.suggested_label) for vote in suggested},
        decision=decision.label if decision else None,
        decided_by=decision.purpose if decision else Purpose.ADJUDICATION,
        given_at={vote.annotator: _microseconds(vote.created_at) for vote in votes},
        decided_at=_microseconds(decision.updated_at) if decision else 0,
    )


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _lost(plans: Mapping[Purpose, PlannedTask], n_lost: Mapping[str, int]) -> tuple[str, ...]:
    """Return the key of each task once for each refused answer; onboarding tasks are open to everybody."""
    keys = [plans[purpose].key for purpose in plans if purpose is not Purpose.ONBOARDING]
    return tuple(key for key in keys for _ in range(n_lost.get(key, 0)))


def _probs(
    plans: Mapping[Purpose, PlannedTask], labels: LabelSet, answered: Collection[str | None]
) -> tuple[float, ...] | None:
    """Return the model's prediction from before the annotators answered; None for an audit sample.

    That model was not trained on the sample. Its columns belong to their names, whatever order labels have by
    now. A prediction does not count if its model did not know a label that is in `answered`, or if it has no
    names and another number of labels.
    """
    if Purpose.AUDIT in plans:
        return None
    chosen = [plans[purpose] for purpose in (Purpose.REVIEW, Purpose.FULL) if purpose in plans]
    plan = next((plan for plan in chosen if plan.probs), None)
    if plan is None or plan.probs is None:
        return None
    probs, names = plan.probs, plan.label_names
    if names is not None and names != column_names(labels):
        known = {labels.find(name) for name in named_columns(names)}
        if not known.issuperset(answered):
            return None
        probs = tuple(over_labels([probs], named_columns(names), labels)[0].tolist())
    return tuple(prob / sum(probs) for prob in probs) if len(probs) == len(labels) else None
