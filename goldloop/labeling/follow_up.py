"""Follow-ups: further answers, adjudications and honeypots after the first answers, within the budget.

Each call computes the follow-ups from the state of labeling, and writes one commit of requests and one commit
of planned tasks. A killed, repeated or parallel call therefore neither loses nor repeats a follow-up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.next_step import answers_shown
from goldloop.core.imported_labels import KnownImport
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up_choice import FollowUps, wanted_follow_ups
from goldloop.labeling.sheet_choice import is_off_for_all, sheet_switch
from goldloop.sheets.switch import SheetSwitch
from goldloop.tables.answers import add_requests, record_told


@dataclass(slots=True)
class FollowUpReport:
    """Follow-ups by reason or purpose, and how many the budget postponed or the answers withdrew.

    `n_spared` tasks are kept from annotators by the limits of exposure; `n_unspared` could not be kept from
    them, because too few others would remain.
    """

    asked: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    n_postponed: int = 0
    n_withdrawn: int = 0
    n_spared: int = 0
    n_unspared: int = 0


def plan_follow_ups(context: LabelingContext, state: LoopState) -> FollowUpReport:
    """Write the follow-ups to the tables; `push_planned` and `tell_requests` bring them to the server."""
    snapshot, wanted = state.snapshot, wanted_follow_ups(state, context.settings)
    report = FollowUpReport(n_postponed=wanted.n_postponed)

    def wanted_in(now: LoopState) -> FollowUps:
        return wanted if now is state else wanted_follow_ups(now, context.settings)

    if wanted.requests:
        requests = add_requests(
            context.tables.answer_requests,
            context.retrying(state, lambda now: wanted_in(now).requests),
            round_=snapshot.round,
            at=context.clock(),
            base=snapshot.versions.answer_requests,
        )
        report.asked = dict(sorted(Counter(str(request.reason) for request in requests).items()))
    if wanted.tasks:
        plans = context.task_log.plan(
            context.retrying(
                state,
                lambda now: [
                    follow_up_plan(evidence, purpose, context, round_=snapshot.round, position=position)
                    for position, (evidence, purpose) in enumerate(wanted_in(now).tasks)
                ],
            ),
            base=snapshot.versions.planned_tasks,
        )
        report.planned = dict(sorted(Counter(str(plan.purpose) for plan in plans).items()))
    return report


def follow_up_plan(
    evidence: SampleEvidence, purpose: Purpose, context: LabelingContext, *, round_: int, position: int
) -> PlannedTask:
    """Return a further, blind task about a sample that has answers, which an adjudicator sees.

    Who has answered the sample does not get the task, unless it is for onboarding. Who clicked it on a sheet
    has given no label yet, and may.
    """
    first, people = evidence.plan, evidence.people
    if evidence.is_clicked and purpose is Purpose.RECHECK:
        people = people.difference(one.annotator for one in evidence.skips if one.is_deferred)
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
        entity=first.entity,
        earlier=first.earlier,
        policy=first.policy,
        model_version=first.model_version,
        answers=answers_shown(evidence.votes) if purpose is Purpose.ADJUDICATION else {},
        barred=() if purpose is Purpose.ONBOARDING else tuple(sorted(people)),
    )


def recheck_plan(said: KnownImport, context: LabelingContext, *, round_: int, position: int) -> PlannedTask:
    """Return a blind task about a sample whose label a file said, and that nobody was asked about."""
    place = said.placement
    return PlannedTask(
        key=task_key(said.sample_id, Purpose.RECHECK),
        round=round_,
        position=position,
        planned_at=context.clock(),
        batch=place.batch,
        lane=place.lane,
        stratum=f"{place.batch}/{place.lane}",
        split=place.split,
        group=place.group,
        fingerprint=place.fingerprint,
        entity=place.entity,
        policy=place.policy,
        model_version=place.model_version,
    )


def tell_requests(context: LabelingContext, state: LoopState) -> int:
    """Set the number of answers of every task for which the server has another number; return how many.

    Raises:
        ServiceError: the server failed; the next call repeats the request.
    """
    pushed = state.snapshot.pushed
    outdated = {
        key: (pushed[key], status.n_wanted)
        for key, status in state.snapshot.requests.statuses.items()
        if key in pushed and not status.is_told(pushed[key])
    }
    if outdated:
        context.queue.ask(dict(outdated.values()))
        record_told(context.tables.answer_requests, outdated, at=context.clock())
    return len(outdated)


def withdraw_settled(context: LabelingContext, state: LoopState) -> int:
    """Delete adjudication tasks without an answer whose sample became gold meanwhile; return how many.

    Annotators correct themselves, and an adjudicator's time is expensive. A new dispute about the same sample
    gets a new task.
    """
    pushed = state.snapshot.pushed
    settled = [
        task_key(outcome.evidence.sample_id, Purpose.ADJUDICATION)
        for outcome in state.outcomes.samples
        if outcome.gold_label and outcome.evidence.decision is None
    ]
    ids = {key: pushed[key] for key in settled if key in pushed}
    answered = context.queue.answered(list(ids.values())) if ids else set()
    untouched = {key: task_id for key, task_id in ids.items() if task_id not in answered}
    if untouched:
        context.queue.delete(list(untouched.values()))
        context.task_log.record(
            Event.GONE, dict.fromkeys(untouched), state.snapshot.tasks, "settled without an adjudicator"
        )
    return len(untouched)


def withdraw_sheets(context: LabelingContext, state: LoopState) -> int:
    """Take open sheets from those who overlook too much, and delete those of labels that people overlook.

    Return how many tasks were deleted; their samples may be asked about singly.
    """
    snapshot = state.snapshot
    given = {row.key for row in snapshot.annotations if row.is_on_server}
    tasks = [snapshot.tasks[key] for key in snapshot.pushed if key not in given]
    waiting = {task.key: task for task in tasks if task.purpose.is_on_sheet and task.task_id is not None}
    switch = sheet_switch(state, context.settings) if waiting else SheetSwitch()
    if not (switch.annotators or switch.labels):
        return 0
    is_off = is_off_for_all(state, switch)
    off = {
        key: task
        for key, task in waiting.items()
        if is_off or not switch.allows(str(task.plan.suggested_label))
    }
    answered = context.queue.answered([task.task_id or 0 for task in off.values()])
    gone = {key: task for key, task in off.items() if task.task_id not in answered}
    context.queue.delete([task.task_id or 0 for task in gone.values()])
    context.task_log.record(
        Event.GONE, dict.fromkeys(gone), snapshot.tasks, "people overlook too much on sheets"
    )
    context.queue.bar(
        {
            task.task_id or 0: switch.annotators
            for key, task in waiting.items()
            if key not in off and not switch.annotators <= set(task.plan.barred)
        }
    )
    return len(gone)
