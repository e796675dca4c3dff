"""The choice of follow-ups: first answers, adjudications, checks, honeypots and further answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.annotators.honeypots import (
    Honeypot,
    choose_honeypots,
    choose_onboarding,
    known_answers,
    n_honeypots_due,
)
from goldloop.consensus.answer_roles import APPEAL_ANSWERS
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.next_step import Step
from goldloop.core.chance import Arm
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason, split_key, task_key
from goldloop.labeling.context import LoopState
from goldloop.selection.plan import n_answers_of, round_budget
from goldloop.settings import Settings
from goldloop.tables.snapshot import Snapshot

CHARGED = (RequestReason.CHECK, RequestReason.UNSURE, RequestReason.HONEYPOT)
"""Requests that the round's repeat budget pays for; the task's own budget pays for first answers."""

FollowUpTask = tuple[SampleEvidence, Purpose]
FollowUp = AnswerRequest | FollowUpTask


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The follow-ups due now: requests for answers, further tasks, and how many the budget postpones."""

    requests: tuple[AnswerRequest, ...]
    tasks: tuple[FollowUpTask, ...]
    n_postponed: int


def wanted_follow_ups(state: LoopState, settings: Settings) -> FollowUps:
    """Return the follow-ups that the answers so far call for.

    First answers, the replacement of answers that do not count, and full reviews that annotators asked for
    come first. The round's repeat budget
    then pays, in this order, for: adjudications, the checks of the two arms of automation bias, honeypots,
    and further answers with the largest expected gain. It keeps an adjudication for each audit sample of the
    round that still waits for answers, as they may differ.
    """
    budget = round_budget(settings, has_model=state.snapshot.has_model)
    n_left = max(0, budget.n_repeat - _n_spent(state.snapshot))
    promised = list(_promised(state, settings))
    known = known_answers(state.outcomes, state.snapshot.requests.requests)
    disputes: list[FollowUp] = [*_disputes(state)]
    others: list[FollowUp] = [*_checks(state), *_honeypots(state, known, settings), *_unsure(state)]
    others = _without_repeats(others, {request.key for request in promised})
    n_others = max(0, n_left - len(disputes) - _n_undecided_audits(state))
    kept = [*disputes[:n_left], *others[:n_others]]
    asked_for = (*promised, *(follow_up for follow_up in kept if isinstance(follow_up, AnswerRequest)))
    waiting = {split_key(request.key)[0] for request in asked_for}
    settled = [honeypot for honeypot in known if honeypot.sample_id not in waiting]
    return FollowUps(
        requests=asked_for,
        tasks=(
            *_deferred(state),
            *(follow_up for follow_up in kept if not isinstance(follow_up, AnswerRequest)),
            *_onboarding(state, settled, settings),  # no annotator meets a honeypot twice
        ),
        n_postponed=len(disputes) + len(others) - len(kept),
    )


def _without_repeats(charged: Sequence[FollowUp], asked: set[str]) -> list[FollowUp]:
    """Return the follow-ups without a second request for a task; the tasks `asked` have one already."""
    chosen: list[FollowUp] = []
    for follow_up in charged:
        if not isinstance(follow_up, AnswerRequest):
            chosen.append(follow_up)
        elif follow_up.key not in asked:
            chosen.append(follow_up)
            asked.add(follow_up.key)
    return chosen


def _n_spent(snapshot: Snapshot) -> int:
    """Return how much of the open round's repeat budget is spent."""
    requests, tasks = snapshot.requests.requests, snapshot.live.values()
    charged = (Purpose.ADJUDICATION, Purpose.RECHECK)
    return sum(request.round == snapshot.round and request.reason in CHARGED for request in requests) + sum(
        task.round == snapshot.round and task.purpose in charged for task in tasks
    )


def _promised(state: LoopState, settings: Settings) -> Iterator[AnswerRequest]:
    n_wanted = state.snapshot.requests.n_wanted
    for evidence in state.evidence.values():
        yield from _on_appeal(evidence, n_wanted)
        full, n_full = task_key(evidence.sample_id, Purpose.FULL), n_answers_of(Purpose.FULL, settings)
        if evidence.is_deferred and full not in evidence.keys and n_full > n_wanted.get(full, 1):
            yield AnswerRequest(full, n_full, RequestReason.FIRST)  # of the task that `_deferred` yields
        n_first = n_answers_of(evidence.purpose, settings)
        if n_first > n_wanted.get(evidence.plan.key, 1):
            yield AnswerRequest(evidence.plan.key, n_first, RequestReason.FIRST)
        for key in dict.fromkeys(evidence.uncounted):
            if key == task_key(evidence.sample_id, Purpose.APPEAL):
                continue
            n = (n_first if key == evidence.plan.key else 1) + evidence.uncounted.count(key)
            if n > n_wanted.get(key, 1):
                yield AnswerRequest(key, n, RequestReason.UNCOUNTED)


def _on_appeal(evidence: SampleEvidence, n_wanted: Mapping[str, int]) -> Iterator[AnswerRequest]:
    """Yield the answers that an appeal still needs: two of people who have not decided the sample."""
    key = task_key(evidence.sample_id, Purpose.APPEAL)
    n = APPEAL_ANSWERS + evidence.uncounted.count(key)
    if key in evidence.keys and n > n_wanted.get(key, 1):
        yield AnswerRequest(key, n, RequestReason.FIRST)


def _deferred(state: LoopState) -> Iterator[FollowUpTask]:
    """Yield the full reviews that annotators asked for; the budget of first answers pays for them."""
    live = state.snapshot.live
    for evidence in state.evidence.values():
        if evidence.is_deferred and task_key(evidence.sample_id, Purpose.FULL) not in live:
            yield evidence, Purpose.FULL


def _disputes(state: LoopState) -> Iterator[FollowUpTask]:
    live = state.snapshot.live
    for outcome in state.outcomes.samples:
        evidence = outcome.evidence
        if outcome.step is Step.ADJUDICATE and task_key(evidence.sample_id, Purpose.ADJUDICATION) not in live:
            yield evidence, Purpose.ADJUDICATION


def _n_undecided_audits(state: LoopState) -> int:
    """Return the number of the open round's audit samples that still wait for answers."""
    return sum(
        outcome.step is Step.WAIT
        and outcome.evidence.purpose is Purpose.AUDIT
        and outcome.evidence.plan.round == state.snapshot.round
        for outcome in state.outcomes.samples
    )


def _checks(state: LoopState) -> Iterator[FollowUp]:
    """Yield the second, blind answer that a sample of either arm gets once its review task is answered."""
    live, n_wanted = state.snapshot.live, state.snapshot.requests.n_wanted
    for evidence in state.evidence.values():
        if evidence.purpose is not Purpose.REVIEW or not evidence.votes:
            continue
        key = evidence.plan.key
        n_checked = evidence.n_first + evidence.uncounted.count(key)
        if evidence.arm is Arm.HIDDEN and n_wanted.get(key, 1) < n_checked:
            yield AnswerRequest(key, n_checked, RequestReason.CHECK)
        if evidence.arm is Arm.SHOWN and task_key(evidence.sample_id, Purpose.RECHECK) not in live:
            yield evidence, Purpose.RECHECK


def _honeypots(state: LoopState, known: Sequence[Honeypot], settings: Settings) -> Iterator[AnswerRequest]:
    """Yield one more answer for tasks with a known label, in proportion to the answers so far."""
    votes = [vote for evidence in state.evidence.values() for vote in evidence.votes]
    requests, evidence_of = state.snapshot.requests.requests, state.evidence
    due = n_honeypots_due(
        n_answers=len(votes),
        n_honeypots=sum(request.reason is RequestReason.HONEYPOT for request in requests),
        honeypot_rate=settings.annotators.honeypot_rate,
    )
    people = {vote.annotator for vote in votes}
    onboarding = _onboarded(state)
    usable = [
        honeypot
        for honeypot in known
        if honeypot.sample_id not in onboarding
        and not _is_known_elsewhere(evidence_of[honeypot.sample_id], people)
    ]
    for sample_id in choose_honeypots(usable, n=due, people=people, seed=settings.selection.seed):
        evidence = evidence_of[sample_id]
        n_uncounted = evidence.uncounted.count(evidence.plan.key)
        n_answers = max(evidence.n_asked, len(evidence.votes)) + n_uncounted + 1
        yield AnswerRequest(evidence.plan.key, n_answers, RequestReason.HONEYPOT)


def _is_known_elsewhere(evidence: SampleEvidence, people: Collection[str]) -> bool:
    """Return whether any of `people` may have seen the sample in another task."""
    is_decided_by_them = evidence.decision is not None and evidence.decision.annotator in people
    return len(evidence.keys) > 1 or is_decided_by_them


def _onboarding(state: LoopState, known: Sequence[Honeypot], settings: Settings) -> Iterator[FollowUpTask]:
    """Yield the tasks that are missing in the onboarding set."""
    current, evidence_of, n = _onboarded(state), state.evidence, settings.annotators.onboarding_tasks
    for sample_id in choose_onboarding(known, n=n, current=current, seed=settings.selection.seed):
        if sample_id not in current:
            yield evidence_of[sample_id], Purpose.ONBOARDING


def _onboarded(state: LoopState) -> list[SampleId]:
    """Return the samples of the onboarding set."""
    return [task.sample_id for task in state.snapshot.live.values() if task.purpose is Purpose.ONBOARDING]


def _unsure(state: LoopState) -> Iterator[AnswerRequest]:
    """Yield one more answer for each unsure sample, largest expected gain first; ties by sample_id."""
    outcomes, n_wanted = state.outcomes, state.snapshot.requests.n_wanted
    gains = outcomes.fit.expected_gain()
    for place in np.argsort(-gains, kind="stable"):
        outcome = outcomes.samples[int(place)]
        if outcome.step is Step.ASK:
            evidence = outcome.evidence
            recheck = task_key(evidence.sample_id, Purpose.RECHECK)
            key = recheck if recheck in evidence.keys else evidence.plan.key  # prefer the blind task
            n_given = sum(task_key(vote.sample_id, vote.purpose) == key for vote in evidence.votes)
            yield AnswerRequest(key, max(n_wanted.get(key, 1), n_given) + 1, RequestReason.UNSURE)
