"""Evidence: all answers about one sample, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.consensus.label import VotedSample
from goldloop.consensus.next_step import LabelingState
from goldloop.core.annotations import Answer
from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, n_first_answers, task_key
from goldloop.settings import Settings

_FIRST_OF = (Purpose.AUDIT, Purpose.SEED, Purpose.FULL, Purpose.REVIEW, Purpose.RECHECK)
"""Order of precedence: a sample with tasks of several purposes has the first of these in gold."""


@dataclass(frozen=True, slots=True)
class SampleEvidence:
    """All answers about one sample, and which of them count.

    `plan` is the plan of its first task, `keys` its live tasks whose answers vote. `votes` holds the newest
    answer of each annotator, in the order of their first answers; `skips` holds the skips of annotators
    without a vote. `decision` is the adjudicator's answer. `uncounted` holds, once for each answer, the key
    of a recheck or adjudication task whose answer does not count: its annotator had voted on the sample
    before, or decided without being an adjudicator.
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


def make_evidence(
    plans: Mapping[Purpose, PlannedTask],
    answers: Sequence[Answer],
    *,
    n_wanted: Mapping[str, int],
    probs: tuple[float, ...] | None,
    settings: Settings,
) -> SampleEvidence | None:
    """Return the evidence of the sample whose live tasks were planned as `plans`; None if no answer can vote.

    `n_wanted` is the number of answers that goldloop wants, by key, where it is more than one. `probs` is
    the prediction of a model that was not trained on the sample.
    """
    first = next((plans[purpose] for purpose in _FIRST_OF if purpose in plans), None)
    if first is None:
        return None
    overlap, labels = settings.selection.overlap, settings.label_set
    sample_id, purpose = first.sample_id, first.purpose
    may_show = purpose is not Purpose.AUDIT  # an audit answer counts only if it was given blind
    voting = [answer for answer in answers if answer.purpose.has_votes and (may_show or not answer.is_shown)]
    votes = _votes(voting)
    voters = {vote.annotator for vote in votes}
    adjudicators = set(settings.annotators.adjudicators)
    decision = _decision(answers, voters, adjudicators)
    keys = tuple(plan.key for asked_for, plan in sorted(plans.items()) if asked_for.has_votes)
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
        skips=tuple(answer for answer in voting if answer.is_skip and answer.annotator not in voters),
        decision=decision,
        uncounted=uncounted,
        voted=VotedSample(
            sample_id=sample_id,
            votes={vote.annotator: vote.label for vote in votes if vote.label is not None},
            probs=probs,
            shown={
                vote.annotator: vote.suggested_label
                for vote in votes
                if vote.is_shown and vote.suggested_label in labels and vote.suggested_label is not None
            },
            decision=decision.label if decision else None,
        ),
        state=LabelingState(
            votes=tuple(vote.label for vote in votes if vote.label is not None),
            n_asked=n_asked - sum(key in keys for key in uncounted),
            n_first=n_first,
            n_skips=len({answer.annotator for answer in voting if answer.is_skip} - voters),
            is_strict=purpose in (Purpose.AUDIT, Purpose.FULL) or is_checked,
            is_decided=decision is not None,
        ),
    )


def _votes(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return the newest answer of each annotator, in the order of their first answers."""
    since: dict[str, Answer] = {}
    newest: dict[str, Answer] = {}
    for answer in answers:
        if answer.is_skip:
            continue
        who = answer.annotator
        since[who] = min(since.get(who, answer), answer, key=_age)
        newest[who] = max(newest.get(who, answer), answer, key=_newness)
    order = sorted(since, key=lambda who: _age(since[who]))
    return tuple(newest[who] for who in order)


def _age(answer: Answer) -> tuple[datetime, int]:
    return answer.created_at, answer.annotation_id


def _newness(answer: Answer) -> tuple[datetime, int]:
    return answer.updated_at, answer.annotation_id


def _decision(answers: Iterable[Answer], voters: set[str], adjudicators: set[str]) -> Answer | None:
    """Return the newest decision of an adjudicator who has not voted on the sample."""
    decisions = [
        answer
        for answer in answers
        if answer.purpose is Purpose.ADJUDICATION
        and not answer.is_skip
        and answer.annotator not in voters
        and (not adjudicators or answer.annotator in adjudicators)
    ]
    return max(decisions, key=_newness, default=None)


def _uncounted(
    sample_id: SampleId,
    answers: Sequence[Answer],
    plans: Mapping[Purpose, PlannedTask],
    adjudicators: set[str],
) -> tuple[str, ...]:
    """Return the key of each recheck or adjudication answer that does not count, once for each annotator."""
    given = [answer for answer in answers if not answer.is_skip]
    keys: list[str] = []
    first = [answer for answer in given if answer.purpose.has_votes and answer.purpose is not Purpose.RECHECK]
    voted = {answer.annotator for answer in first}
    for purpose in (Purpose.RECHECK, Purpose.ADJUDICATION):
        annotators = {answer.annotator for answer in given if answer.purpose is purpose}
        barred = annotators & voted
        if purpose is Purpose.ADJUDICATION and adjudicators:
            barred |= annotators - adjudicators
        keys += [task_key(sample_id, purpose)] * (len(barred) if purpose in plans else 0)
        voted |= annotators
    return tuple(keys)
