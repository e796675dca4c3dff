"""Follow-ups: further answers, adjudications and honeypots after the first answers, within the budget.

Each call computes the follow-ups from the state of labeling, and writes one commit of requests and one commit
of planned tasks. A killed, repeated or parallel call therefore neither loses nor repeats a follow-up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.next_step import answers_shown
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.requests import AnswerRequest
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up_choice import FollowUps, wanted_follow_ups
from goldloop.labeling.state import LoopState
from goldloop.tables.answer_requests import add_requests, tell_server


@dataclass(slots=True)
class FollowUpReport:
    """Follow-ups by reason or purpose, and how many the budget postponed or the answers withdrew."""

    asked: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    n_postponed: int = 0
    n_withdrawn: int = 0


def plan_follow_ups(context: LabelingContext, state: LoopState) -> FollowUpReport:
    """Write the follow-ups to the tables; `push_planned` and `tell_requests` bring them to the server."""
    settings, snapshot = context.settings, state.snapshot
    wanted = wanted_follow_ups(state, settings)
    report = FollowUpReport(n_postponed=wanted.n_postponed)
    if wanted.requests:

        def choose_requests(now: LoopState) -> Sequence[AnswerRequest]:
            return (wanted if now is state else wanted_follow_ups(now, settings)).requests

        requests = add_requests(
            context.tables.answer_requests,
            context.retrying(state, choose_requests),
            round_=snapshot.round,
            at=context.clock(),
            base=snapshot.versions.answer_requests,
        )
        report.asked = _counts([str(request.reason) for request in requests])
    if wanted.tasks:

        def choose_tasks(now: LoopState) -> list[PlannedTask]:
            follow_ups = wanted if now is state else wanted_follow_ups(now, settings)
            return _plans(context, follow_ups, snapshot.round)

        plans = context.task_log.plan(
            context.retrying(state, choose_tasks), base=snapshot.versions.planned_tasks
        )
        report.planned = _counts([str(plan.purpose) for plan in plans])
    return report


def _plans(context: LabelingContext, follow_ups: FollowUps, round_: int) -> list[PlannedTask]:
    return [
        follow_up_plan(
            evidence,
            purpose,
            context,
            round_=round_,
            position=position,
            answers=answers_shown(evidence.voted.votes) if purpose is Purpose.ADJUDICATION else {},
            barred=() if purpose is Purpose.ONBOARDING else evidence.people,
        )
        for position, (evidence, purpose) in enumerate(follow_ups.tasks)
    ]


def follow_up_plan(
    evidence: SampleEvidence,
    purpose: Purpose,
    context: LabelingContext,
    *,
    round_: int,
    position: int,
    answers: Mapping[str, int],
    barred: Collection[str],
) -> PlannedTask:
    """Return a further, blind task about a sample that has answers.

    `answers` counts the answers by label, for an adjudicator; `barred` annotators do not get the task.
    """
    first = evidence.plan
    return PlannedTask(
        key=task_key(evidence.sample_id, purpose),
        round=round_,
        position=position,
        planned_at=context.clock(),
        batch=first.batch,
        lane=first.lane,
        stratum=first.stratum,
        split=first.split,
        group=first.group,
        fingerprint=first.fingerprint,
        policy=first.policy,
        model_version=first.model_version,
        answers=answers,
        barred=tuple(sorted(barred)),
    )


def tell_requests(context: LabelingContext, state: LoopState) -> int:
    """Set the number of answers of every task for which the server has another number; return how many.

    Raises:
        ServiceError: the server failed; the next call repeats the request.
    """
    outdated: dict[str, tuple[int, int]] = {}
    for key, status in state.snapshot.requests.statuses.items():
        task = state.snapshot.tasks.get(key)
        if task is None or task.event is not Event.PUSHED or task.task_id is None:
            continue
        if not status.is_told(task.task_id):
            outdated[key] = (task.task_id, status.n_wanted)
    tell_server(context.tables.answer_requests, context.queue, outdated, at=context.clock())
    return len(outdated)


def withdraw_settled(context: LabelingContext, state: LoopState) -> int:
    """Delete adjudication tasks without an answer whose sample became gold meanwhile; return how many.

    Annotators correct themselves, and an adjudicator's time is expensive. A new dispute about the same sample
    gets a new task.
    """
    disputes = {
        task.sample_id: task
        for task in state.snapshot.tasks.values()
        if task.event is Event.PUSHED and task.purpose is Purpose.ADJUDICATION
    }
    settled = [
        disputes[outcome.evidence.sample_id]
        for outcome in state.outcomes.samples
        if outcome.evidence.sample_id in disputes and outcome.gold_label and outcome.evidence.decision is None
    ]
    ids = {task.key: task.task_id for task in settled if task.task_id is not None}
    answered = context.queue.answered(list(ids.values())) if ids else set()
    untouched = {key: task_id for key, task_id in ids.items() if task_id not in answered}
    if untouched:
        context.queue.delete(list(untouched.values()))
        context.task_log.record(
            Event.GONE,
            dict.fromkeys(untouched),
            state.snapshot.tasks,
            at=context.clock(),
            owner=context.owner,
            detail="settled without an adjudicator",
        )
    return len(untouched)


def _counts(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}
