"""What the answers so far call for: promised first answers, disputes, checks, honeypots and further answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.annotators.honeypots import Honeypot, choose_honeypots, choose_onboarding, n_honeypots_due
from goldloop.annotators.known_labels import known_answers
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import Outcomes, SampleOutcome
from goldloop.core.arms import Arm
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.requests import AnswerRequest, RequestReason
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.state import LoopState
from goldloop.selection.budget import n_answers_of, repeat_budget
from goldloop.settings import Settings

CHARGED = (RequestReason.CHECK, RequestReason.UNSURE, RequestReason.HONEYPOT)
"""Requests that take from the round's repeat budget; first answers are part of what a task costs."""


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What is wanted now: more answers to tasks, and further tasks (evidence and purpose)."""

    requests: tuple[AnswerRequest, ...]
    tasks: tuple[tuple[SampleEvidence, Purpose], ...]
    n_postponed: int


def wanted_follow_ups(state: LoopState, settings: Settings) -> FollowUps:
    """Return what the answers so far call for.

    First what was promised (several first answers, another annotator where somebody met a sample of their own),
    then, as far as the round's repeat budget goes: disputes to adjudicate, the checks of the two arms of
    automation bias, honeypots, and further answers where they are expected to gain most.
    """
    outcomes, requests, live = state.outcomes, state.snapshot.requests, state.snapshot.live
    n_wanted, round_ = requests.n_wanted, state.snapshot.round
    spent = sum(request.reason in CHARGED for request in requests.in_round(round_))
    spent += sum(
        task.round == round_ and task.purpose in (Purpose.ADJUDICATION, Purpose.RECHECK)
        for task in live.values()
    )
    n_left = max(0, repeat_budget(settings) - spent)

    promised = [one for outcome in outcomes.samples for one in _promised(outcome, n_wanted, settings)]
    known = known_answers(outcomes, requests.requests)
    charged: list[AnswerRequest | tuple[SampleEvidence, Purpose]] = [
        *_disputes(outcomes.samples, live),
        *_checks(outcomes.samples, live, n_wanted),
        *_honeypots(outcomes, known, live, requests.requests, settings),
        *_unsure(outcomes, n_wanted),
    ]
    asked = {one.key for one in promised}
    chosen: list[AnswerRequest | tuple[SampleEvidence, Purpose]] = []
    for one in charged:  # a task is asked one more answer at a time
        if not isinstance(one, AnswerRequest) or one.key not in asked:
            chosen.append(one)
            asked |= {one.key} if isinstance(one, AnswerRequest) else set()
    kept = chosen[:n_left]
    return FollowUps(
        requests=(*promised, *(one for one in kept if isinstance(one, AnswerRequest))),
        tasks=(
            *(one for one in kept if not isinstance(one, AnswerRequest)),
            *_onboarding(outcomes, known, live, settings),
        ),
        n_postponed=len(chosen) - len(kept),
    )


def _promised(
    outcome: SampleOutcome, n_wanted: Mapping[str, int], settings: Settings
) -> Iterator[AnswerRequest]:
    evidence = outcome.evidence
    n_first = n_answers_of(evidence.purpose, settings)
    if n_first > n_wanted.get(evidence.plan.key, 1):
        yield AnswerRequest(evidence.plan.key, n_first, RequestReason.FIRST)
    for key in dict.fromkeys(evidence.uncounted):
        n = 1 + evidence.uncounted.count(key)
        if n > n_wanted.get(key, 1):
            yield AnswerRequest(key, n, RequestReason.UNCOUNTED)


def _disputes(
    outcomes: Sequence[SampleOutcome], live: Mapping[str, TaskStatus]
) -> Iterator[tuple[SampleEvidence, Purpose]]:
    for one in outcomes:
        evidence = one.evidence
        if one.step is Step.ADJUDICATE and task_key(evidence.sample_id, Purpose.ADJUDICATION) not in live:
            yield evidence, Purpose.ADJUDICATION


def _checks(
    outcomes: Sequence[SampleOutcome], live: Mapping[str, TaskStatus], n_wanted: Mapping[str, int]
) -> Iterator[AnswerRequest | tuple[SampleEvidence, Purpose]]:
    """Yield the further blind answer that both arms of anchoring get, once the task has been answered."""
    for one in outcomes:
        evidence = one.evidence
        if evidence.purpose is not Purpose.REVIEW or not evidence.votes:
            continue
        key = evidence.plan.key
        if evidence.arm is Arm.HIDDEN and n_wanted.get(key, 1) < evidence.state.n_first:
            yield AnswerRequest(key, evidence.state.n_first, RequestReason.CHECK)
        if evidence.arm is Arm.SHOWN and task_key(evidence.sample_id, Purpose.RECHECK) not in live:
            yield evidence, Purpose.RECHECK


def _honeypots(
    outcomes: Outcomes,
    known: Sequence[Honeypot],
    live: Mapping[str, TaskStatus],
    requests: Sequence[AnswerRequest],
    settings: Settings,
) -> Iterator[AnswerRequest]:
    """Yield one more answer for known-answer tasks, in step with the answers people have given so far."""
    votes = [vote for one in outcomes.samples for vote in one.evidence.votes]
    due = n_honeypots_due(
        n_answers=len(votes),
        n_honeypots=sum(one.reason is RequestReason.HONEYPOT for one in requests),
        honeypot_rate=settings.annotators.honeypot_rate,
    )
    people = {one.annotator for one in votes}
    evidence_of = {one.evidence.sample_id: one.evidence for one in outcomes.samples}
    onboarding = {one.sample_id for one in live.values() if one.purpose is Purpose.ONBOARDING}
    usable = [
        one
        for one in known
        if one.sample_id not in onboarding and not _is_known_elsewhere(evidence_of[one.sample_id], people)
    ]
    for sample_id in choose_honeypots(usable, n=due, people=people, seed=settings.selection.seed):
        evidence = evidence_of[sample_id]
        n_answers = max(evidence.state.n_asked, len(evidence.votes)) + 1
        yield AnswerRequest(evidence.plan.key, n_answers, RequestReason.HONEYPOT)


def _is_known_elsewhere(evidence: SampleEvidence, people: Collection[str]) -> bool:
    """Whether some of `people` have met the sample in another task, so that they could be handed it twice."""
    is_decided_by_them = evidence.decision is not None and evidence.decision.annotator in people
    return len(evidence.keys) > 1 or is_decided_by_them


def _onboarding(
    outcomes: Outcomes, known: Sequence[Honeypot], live: Mapping[str, TaskStatus], settings: Settings
) -> Iterator[tuple[SampleEvidence, Purpose]]:
    """Yield the tasks that the onboarding set still lacks."""
    current = [one.sample_id for one in live.values() if one.purpose is Purpose.ONBOARDING]
    evidence_of = {one.evidence.sample_id: one.evidence for one in outcomes.samples}
    n = settings.annotators.onboarding_tasks
    for sample_id in choose_onboarding(known, n=n, current=current, seed=settings.selection.seed):
        if sample_id not in current:
            yield evidence_of[sample_id], Purpose.ONBOARDING


def _unsure(outcomes: Outcomes, n_wanted: Mapping[str, int]) -> Iterator[AnswerRequest]:
    """Yield one more answer for each unsure sample, most expected gain first; ties by sample_id."""
    gains = outcomes.fit.expected_gain()
    for place in np.argsort(-gains, kind="stable"):
        one = outcomes.samples[int(place)]
        if one.step is Step.ASK:
            evidence = one.evidence
            recheck = task_key(evidence.sample_id, Purpose.RECHECK)
            key = recheck if recheck in evidence.keys else evidence.plan.key  # blind, where there is a choice
            n_given = sum(task_key(vote.sample_id, vote.purpose) == key for vote in evidence.votes)
            yield AnswerRequest(key, max(n_wanted.get(key, 1), n_given) + 1, RequestReason.UNSURE)
