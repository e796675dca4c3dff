"""Evidence: all answers about one sample, and which of them count, from tasks, annotations and requests."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from goldloop.consensus.answer_roles import (
    FIRST_OF,
    appeal_answers,
    decision_of,
    newest_votes,
    uncounted_keys,
)
from goldloop.consensus.planted_errors import PRIOR_MISSED
from goldloop.consensus.voted import microseconds, voted_sample
from goldloop.consensus.votes import VotedSample
from goldloop.core.annotations import NO_GROUNDS, Answer, StoredAnnotation
from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.reported_outcomes import KnownOutcome
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, n_first_answers
from goldloop.settings import Settings

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
    several answers. A sample `is_deferred` if somebody asked for a full review in place of a single answer,
    and `is_clicked` if somebody took the suggestion on a sheet for wrong. goldloop has requested `n_asked`
    answers in total, of which the `n_first` first are independent. Samples that measure
    a model or an annotator, `is_strict`, go to adjudication when the first answers differ.
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
    is_clicked: bool = False
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
    overlooked: Mapping[str, float] = MappingProxyType({}),
) -> list[SampleEvidence]:
    """Return the evidence of every sample with a live task whose answers vote, in order of sample_id.

    `n_wanted` is the number of answers that goldloop wants, by key, where it is more than one. `n_lost` is
    the number of answers that the server counts and goldloop refuses, by key, where there are any. `reported`
    is what became of samples. Where nothing has changed of what the evidence in `earlier` follows from, it is
    used again. `overlooked` is the share of errors that each annotator misses on sheets.
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
            shares = {
                one.annotator: overlooked.get(one.annotator, PRIOR_MISSED)
                for one in given
                if one.purpose.is_on_sheet
            }
            basis = (settings, list(mine.values()), given, counts, reported.get(sample_id), shares)
            if known is None or known.basis != basis:
                known = _evidence(mine, given, n_wanted, settings, n_lost, overlooked=shares)
                known = replace(known, basis=basis)
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
            decided_at=microseconds(reported.known_at),
        )
    return replace(evidence, voted=voted, reported=reported)


def _evidence(
    plans: Mapping[Purpose, PlannedTask],
    answers: Sequence[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
    n_lost: Mapping[str, int],
    *,
    overlooked: Mapping[str, float],
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
    first = n_first_answers(purpose, overlap=overlap, audit_answers=1, is_checked=False)
    n_asked = sum(max(n_wanted.get(key, 1), first if key == plan.key else 1) for key in keys)
    n_clicks = sum(one.is_deferred and one.purpose is Purpose.SHEET for one in answers)
    return SampleEvidence(
        sample_id=plan.sample_id,
        plan=plan,
        keys=keys,
        votes=votes,
        skips=skips,
        decision=decision,
        uncounted=uncounted,
        voted=voted_sample(plans, (*votes, *skips), decision, settings.label_set, overlooked),
        n_asked=n_asked - n_deferred - n_clicks - sum(key in keys for key in uncounted),
        n_first=n_first_answers(purpose, overlap=overlap, audit_answers=audit_answers, is_checked=is_checked),
        is_strict=purpose in (Purpose.AUDIT, Purpose.FULL, Purpose.APPEAL) or is_checked,
        appealed=tuple(str(answer.label) for answer in appeal),
        is_deferred=n_deferred > 0,
        is_clicked=n_clicks > 0,
    )


def _deferrals(skips: Iterable[Answer], plans: Mapping[Purpose, PlannedTask]) -> tuple[tuple[str, ...], int]:
    """Return the key of each review in full that asks for another, and how many quick ones ask for one.

    A click on a sheet asks for neither: a blind task of its own follows.
    """
    asking = [answer for answer in skips if answer.is_deferred and answer.purpose in plans]
    deferrals = [answer for answer in asking if not answer.purpose.is_on_sheet]
    again = tuple(plans[one.purpose].key for one in deferrals if one.purpose not in QUICK)
    return again, len(deferrals) - len(again)


def _lost(plans: Mapping[Purpose, PlannedTask], n_lost: Mapping[str, int]) -> tuple[str, ...]:
    """Return the key of each task once for each refused answer, but of tasks that are nobody's in particular.

    Onboarding tasks are open to everybody, and a planted error needs no answer.
    """
    measuring = (Purpose.ONBOARDING, Purpose.PLANTED)
    keys = [plans[purpose].key for purpose in plans if purpose not in measuring]
    return tuple(key for key in keys for _ in range(n_lost.get(key, 0)))
