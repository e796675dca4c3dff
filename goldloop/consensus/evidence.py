"""Evidence: what is known about one sample that people were asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldloop.consensus.fit import VotedSample
from goldloop.consensus.next_step import LabelingState
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, n_first_answers, task_key
from goldloop.settings import Settings

_FIRST_OF = (Purpose.AUDIT, Purpose.SEED, Purpose.FULL, Purpose.REVIEW, Purpose.RECHECK)
"""Why a sample is in gold when it was asked about for several purposes: the first of these."""


@dataclass(frozen=True, slots=True)
class SampleEvidence:
    """What is known about one sample that people were asked about.

    `plan` is the planned row of its first task, `keys` its live tasks whose answers vote. `votes` holds one
    answer a person, the newest, in the order in which they were first given; `skips` those who could not
    tell. `decision` is the adjudicator's. `uncounted` holds, once for each such answer, the key of a recheck
    or adjudication whose answer cannot count there: the person had voted on the sample before, or decided
    without being an adjudicator.
    """

    sample_id: SampleId
    plan: PlannedTask
    keys: tuple[str, ...]
    votes: tuple[Answer, ...]
    skips: tuple[Answer, ...]
    decision: Answer | None
    uncounted: tuple[str, ...]
    voted: VotedSample
    state: LabelingState

    @property
    def purpose(self) -> Purpose:
        """Why the sample was shown to people at first."""
        return self.plan.purpose

    @property
    def people(self) -> frozenset[str]:
        """Who has answered or skipped it."""
        return frozenset(one.annotator for one in (*self.votes, *self.skips))

    @property
    def arm(self) -> Arm:
        """How the sample takes part in the measurement of anchoring."""
        return self.plan.arm or Arm.UNTESTED


def make_evidence(
    plans: Mapping[Purpose, PlannedTask],
    answers: Sequence[Answer],
    *,
    n_wanted: Mapping[str, int],
    probs: tuple[float, ...] | None,
    settings: Settings,
) -> SampleEvidence | None:
    """Return the evidence of the sample whose live tasks were planned as `plans`; None if no answer can vote.

    `n_wanted` is how many answers in all are wanted, by key, where that is more than one. `probs` is the word
    of a model that has not learnt from the sample.
    """
    first = next((plans[one] for one in _FIRST_OF if one in plans), None)
    if first is None:
        return None
    overlap, labels = settings.selection.overlap, settings.label_set
    sample_id, purpose = first.sample_id, first.purpose
    may_show = purpose is not Purpose.AUDIT  # what judges the models is answered blind, or does not count
    voting = [one for one in answers if one.purpose.has_votes and (may_show or not one.is_shown)]
    votes = _votes(voting)
    voters = {one.annotator for one in votes}
    adjudicators = set(settings.annotators.adjudicators)
    decision = _decision(answers, voters, adjudicators)
    keys = tuple(plan.key for one, plan in sorted(plans.items()) if one.has_votes)
    is_checked = first.arm in (Arm.HIDDEN, Arm.SHOWN)
    n_first = n_first_answers(
        purpose, overlap=overlap, audit_answers=settings.consensus.audit_answers, is_checked=is_checked
    )
    n_asked = sum(max(n_wanted.get(key, 1), overlap if key == first.key else 1) for key in keys)
    uncounted = _uncounted(sample_id, answers, plans, adjudicators)
    return SampleEvidence(
        sample_id=sample_id,
        plan=first,
        keys=keys,
        votes=votes,
        skips=tuple(one for one in voting if one.is_skip and one.annotator not in voters),
        decision=decision,
        uncounted=uncounted,
        voted=VotedSample(
            sample_id=sample_id,
            votes={one.annotator: one.label for one in votes if one.label is not None},
            probs=probs,
            shown={
                one.annotator: one.suggested_label
                for one in votes
                if one.is_shown and one.suggested_label in labels and one.suggested_label is not None
            },
            decision=decision.label if decision else None,
        ),
        state=LabelingState(
            votes=tuple(one.label for one in votes if one.label is not None),
            n_asked=n_asked - sum(key in keys for key in uncounted),
            n_first=n_first,
            n_skips=len({one.annotator for one in voting if one.is_skip} - voters),
            is_strict=purpose in (Purpose.AUDIT, Purpose.FULL) or is_checked,
            is_decided=decision is not None,
        ),
    )


def _votes(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return one answer a person, the newest, in the order in which they first gave one."""
    since: dict[str, Answer] = {}
    newest: dict[str, Answer] = {}
    for one in answers:
        if one.is_skip:
            continue
        first, last = since.get(one.annotator), newest.get(one.annotator)
        if first is None or (one.created_at, one.annotation_id) < (first.created_at, first.annotation_id):
            since[one.annotator] = one
        if last is None or (one.updated_at, one.annotation_id) > (last.updated_at, last.annotation_id):
            newest[one.annotator] = one
    order = sorted(since, key=lambda who: (since[who].created_at, since[who].annotation_id))
    return tuple(newest[who] for who in order)


def _decision(answers: Iterable[Answer], voters: set[str], adjudicators: set[str]) -> Answer | None:
    """Return the newest decision of an adjudicator who has not voted on the sample."""
    decisions = [
        one
        for one in answers
        if one.purpose is Purpose.ADJUDICATION
        and not one.is_skip
        and one.annotator not in voters
        and (not adjudicators or one.annotator in adjudicators)
    ]
    return max(decisions, key=lambda one: (one.updated_at, one.annotation_id), default=None)


def _uncounted(
    sample_id: SampleId,
    answers: Sequence[Answer],
    plans: Mapping[Purpose, PlannedTask],
    adjudicators: set[str],
) -> tuple[str, ...]:
    given = [one for one in answers if not one.is_skip]
    found: list[str] = []
    voted = {one.annotator for one in given if one.purpose.has_votes and one.purpose is not Purpose.RECHECK}
    for purpose in (Purpose.RECHECK, Purpose.ADJUDICATION):
        people = {one.annotator for one in given if one.purpose is purpose}
        barred = people & voted
        if purpose is Purpose.ADJUDICATION and adjudicators:
            barred |= people - adjudicators
        found += [task_key(sample_id, purpose)] * (len(barred) if purpose in plans else 0)
        voted |= people
    return tuple(found)
