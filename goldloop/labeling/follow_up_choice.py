"""The choice of follow-ups: first answers, adjudications, checks, honeypots and further answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldloop.annotators.honeypots import Honeypot, choose_honeypots, choose_onboarding, n_honeypots_due
from goldloop.consensus.evidence import SampleEvidence
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason, split_key
from goldloop.labeling.cases import Case
from goldloop.labeling.context import LoopState
from goldloop.selection.plan import round_budget
from goldloop.settings import Settings
from goldloop.tables.snapshot import Snapshot

CHARGED = (RequestReason.CHECK, RequestReason.UNSURE, RequestReason.HONEYPOT)
"""Requests that the round's repeat budget pays for; the task's own budget pays for first answers."""

ChosenTask = tuple[SampleId, Purpose]
FollowUp = AnswerRequest | ChosenTask


@dataclass(frozen=True, slots=True)
class Spent:
    """What is spent so far: `n` of the repeat budget of the open `round`, and `n_honeypots` in all.

    `onboarding` are the samples of the onboarding set. `people` have given `n_votes` votes.
    """

    round: int
    has_model: bool
    n: int
    n_honeypots: int
    onboarding: tuple[SampleId, ...]
    people: frozenset[str]
    n_votes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The follow-ups due now: requests for answers, further tasks, and how many the budget postpones."""

    requests: tuple[AnswerRequest, ...]
    tasks: tuple[ChosenTask, ...]
    n_postponed: int


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The follow-ups due now; each further task with the evidence about its sample."""

    requests: tuple[AnswerRequest, ...]
    tasks: tuple[tuple[SampleEvidence, Purpose], ...]
    n_postponed: int


def spent_of(snapshot: Snapshot, cases: Sequence[Case]) -> Spent:
    """Return what is spent so far; `cases` are those of all samples."""
    return Spent(
        round=snapshot.round,
        has_model=snapshot.has_model,
        n=_n_spent(snapshot),
        n_honeypots=sum(one.reason is RequestReason.HONEYPOT for one in snapshot.requests.requests),
        onboarding=tuple(
            task.sample_id for task in snapshot.live.values() if task.purpose is Purpose.ONBOARDING
        ),
        people=frozenset(who for case in cases for who in case.voters),
        n_votes=sum(len(case.voters) for case in cases),
    )


def wanted_follow_ups(state: LoopState, settings: Settings) -> FollowUps:
    """Return the follow-ups that the answers so far call for, as `chosen_follow_ups` says."""
    choice = chosen_follow_ups(state.cases, spent_of(state.snapshot, state.cases), settings)
    tasks = tuple((state.evidence[sample_id], purpose) for sample_id, purpose in choice.tasks)
    return FollowUps(choice.requests, tasks, choice.n_postponed)


def chosen_follow_ups(cases: Sequence[Case], spent: Spent, settings: Settings) -> Choice:
    """Return the follow-ups for `cases`, in order of sample_id; those that call for nothing may be absent.

    First answers, the replacement of answers that do not count, and full reviews that annotators asked for
    come first. The round's repeat budget
    then pays, in this order, for: adjudications, the checks of the two arms of automation bias, honeypots,
    and further answers with the largest expected gain. It keeps an adjudication for each audit sample of the
    round that still waits for answers, as they may differ.
    """
    budget = round_budget(settings, has_model=spent.has_model)
    n_left = max(0, budget.n_repeat - spent.n)
    promised = [request for case in cases for request in case.promised]
    disputes: list[FollowUp] = [(case.sample_id, Purpose.ADJUDICATION) for case in cases if case.is_disputed]
    others: list[FollowUp] = [*_checks(cases), *_honeypots(cases, spent, settings), *_unsure(cases)]
    others = _without_repeats(others, {request.key for request in promised})
    n_undecided = sum(case.is_undecided_audit and case.round == spent.round for case in cases)
    kept = [*disputes[:n_left], *others[: max(0, n_left - len(disputes) - n_undecided)]]
    asked_for = (*promised, *(follow_up for follow_up in kept if isinstance(follow_up, AnswerRequest)))
    waiting = {split_key(request.key)[0] for request in asked_for}
    settled = [case.honeypot for case in cases if case.honeypot and case.sample_id not in waiting]
    return Choice(
        requests=asked_for,
        tasks=(
            *((case.sample_id, Purpose.FULL) for case in cases if case.is_deferred),
            *(follow_up for follow_up in kept if not isinstance(follow_up, AnswerRequest)),
            *_onboarding(settled, spent, settings),  # no annotator meets a honeypot twice
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


def _checks(cases: Sequence[Case]) -> Iterator[FollowUp]:
    """Yield the second, blind answer that a sample of either arm gets once its review task is answered."""
    for case in cases:
        if case.check is not None:
            yield case.check
        if case.is_rechecked:
            yield case.sample_id, Purpose.RECHECK


def _honeypots(cases: Sequence[Case], spent: Spent, settings: Settings) -> Iterator[AnswerRequest]:
    """Yield one more answer for tasks with a known label, in proportion to the answers so far."""
    due = n_honeypots_due(
        n_answers=spent.n_votes,
        n_honeypots=spent.n_honeypots,
        honeypot_rate=settings.annotators.honeypot_rate,
    )
    onboarding = set(spent.onboarding)
    usable = [
        case.honeypot
        for case in cases
        if case.honeypot is not None
        and case.sample_id not in onboarding
        and not (case.is_elsewhere or case.decider in spent.people)  # they may have seen it in another task
    ]
    request_of = {case.sample_id: case.test for case in cases}
    for sample_id in choose_honeypots(usable, n=due, people=spent.people, seed=settings.selection.seed):
        if (request := request_of[sample_id]) is not None:
            yield request


def _onboarding(known: Sequence[Honeypot], spent: Spent, settings: Settings) -> Iterator[ChosenTask]:
    """Yield the tasks that are missing in the onboarding set."""
    current, n = spent.onboarding, settings.annotators.onboarding_tasks
    for sample_id in choose_onboarding(known, n=n, current=current, seed=settings.selection.seed):
        if sample_id not in current:
            yield sample_id, Purpose.ONBOARDING


def _unsure(cases: Sequence[Case]) -> Iterator[AnswerRequest]:
    """Yield one more answer for each unsure sample, largest expected gain first; ties by sample_id."""
    for case in sorted(cases, key=lambda case: -case.gain):
        if case.unsure is not None:
            yield case.unsure
