"""Following up: the answers, decisions and controls that first answers call for, within the round's budget.

Everything here is derived anew from the tables whenever it is asked for, and written as one commit of asks
and one of planned tasks, so that a killed, repeated or doubled call neither loses nor doubles anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from goldloop.annotators.honeypots import KnownAnswer, choose_controls, choose_onboarding, n_controls_due
from goldloop.annotators.known_labels import known_answers
from goldloop.consensus.evidence import Dossier
from goldloop.consensus.next_step import Step, answers_shown
from goldloop.consensus.outcomes import Verdict, Verdicts
from goldloop.core.arms import Arm
from goldloop.core.ports import LabelingQueue, Row, Tables
from goldloop.core.requests import Ask, AskReason
from goldloop.core.tasks import Event, Purpose, TaskStatus, task_key
from goldloop.selection.budget import n_answers_of, repeat_budget
from goldloop.settings import Settings
from goldloop.tables.answer_requests import Asks
from goldloop.tables.rounds import current_round
from goldloop.tables.task_log import Ledger, follow_up_row

CHARGED = (AskReason.CHECK, AskReason.UNSURE, AskReason.CONTROL)
"""Asks that take from the round's repeat budget; first answers are part of what a task costs."""


@dataclass(slots=True)
class FollowUpReport:
    """What was asked on top of first answers, by reason or purpose, and what the budget left for later."""

    asked: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    n_postponed: int = 0
    n_withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What is wanted now: more answers to tasks, and further tasks (dossier and purpose)."""

    asks: tuple[Ask, ...]
    tasks: tuple[tuple[Dossier, Purpose], ...]
    n_postponed: int


def plan_follow_ups(
    *,
    tables: Tables,
    ledger: Ledger,
    asks: Asks,
    settings: Settings,
    read_verdicts: Callable[[], Verdicts],
    clock: Callable[[], datetime],
) -> FollowUpReport:
    """Write down what the answers so far call for; the server is told by `push_planned` and `Asks.tell`."""
    report = FollowUpReport()
    round_ = current_round(tables)

    def choose() -> FollowUps:
        return wanted_follow_ups(read_verdicts(), tables, ledger, asks, settings)

    def make_rows(seq: int) -> list[Row]:
        found = choose()
        report.n_postponed = found.n_postponed
        report.planned = _counts([str(purpose) for _, purpose in found.tasks])
        return [
            follow_up_row(
                dossier.plan,
                purpose,
                seq=seq,
                round_=round_,
                position=position,
                at=clock(),
                answers=answers_shown(dossier.case.votes) if purpose is Purpose.ADJUDICATION else {},
                barred=() if purpose is Purpose.ONBOARDING else dossier.people,
            )
            for position, (dossier, purpose) in enumerate(found.tasks)
        ]

    wanted = asks.want(lambda: choose().asks, round_=round_, at=clock())
    report.asked = _counts([str(one.reason) for one in wanted])
    ledger.plan(make_rows)
    return report


def withdraw_settled(
    *,
    ledger: Ledger,
    queue: LabelingQueue,
    read_verdicts: Callable[[], Verdicts],
    owner: str,
    clock: Callable[[], datetime],
) -> int:
    """Take back adjudication tasks that nobody has touched and that are settled without; return how many.

    People correct themselves, and a senior's time is dear. Should the same sample be disputed again, it is
    adjudicated anew.
    """
    disputes = {
        one.sample_id: one
        for one in ledger.statuses().values()
        if one.event is Event.PUSHED and one.purpose is Purpose.ADJUDICATION and one.task_id is not None
    }
    if not disputes:
        return 0
    settled = [
        disputes[one.dossier.sample_id]
        for one in read_verdicts().verdicts
        if one.dossier.sample_id in disputes and one.is_gold and one.dossier.decision is None
    ]
    answered = queue.answered([one.task_id for one in settled if one.task_id is not None])
    untouched = {one.key: one.task_id for one in settled if one.task_id not in answered}
    if untouched:
        queue.delete([task_id for task_id in untouched.values() if task_id is not None])
        ledger.record(
            Event.GONE, dict.fromkeys(untouched), at=clock(), owner=owner, detail="settled without a senior"
        )
    return len(untouched)


def wanted_follow_ups(
    verdicts: Verdicts, tables: Tables, ledger: Ledger, asks: Asks, settings: Settings
) -> FollowUps:
    """Return what the answers so far call for; pure but for reading what was asked before.

    First what was promised (several first answers, a fresh pair of eyes where somebody met a case of their
    own), then, as far as the round's repeat budget goes: disputes to adjudicate, the checks of the two arms
    of anchoring, controls, and further answers where they are expected to gain most.
    """
    round_ = current_round(tables)
    live = {key: one for key, one in ledger.statuses().items() if one.is_live}
    n_wanted = {key: one.n_wanted for key, one in asks.statuses().items()}
    spent = sum(one.reason in CHARGED for one in asks.in_round(round_))
    spent += sum(
        one.round == round_ and one.purpose in (Purpose.ADJUDICATION, Purpose.RECHECK)
        for one in live.values()
    )
    n_left = max(0, repeat_budget(settings) - spent)

    promised = [one for verdict in verdicts.verdicts for one in _promised(verdict, n_wanted, settings)]
    known = known_answers(verdicts, asks.all())
    charged: list[Ask | tuple[Dossier, Purpose]] = [
        *_disputes(verdicts.verdicts, live),
        *_checks(verdicts.verdicts, live, n_wanted),
        *_controls(verdicts, known, live, asks, settings),
        *_unsure(verdicts, n_wanted),
    ]
    asked = {one.key for one in promised}
    chosen: list[Ask | tuple[Dossier, Purpose]] = []
    for one in charged:  # a task is asked one more answer at a time
        if not isinstance(one, Ask) or one.key not in asked:
            chosen.append(one)
            asked |= {one.key} if isinstance(one, Ask) else set()
    kept = chosen[:n_left]
    return FollowUps(
        asks=(*promised, *(one for one in kept if isinstance(one, Ask))),
        tasks=(
            *(one for one in kept if not isinstance(one, Ask)),
            *_onboarding(verdicts, known, live, settings),
        ),
        n_postponed=len(chosen) - len(kept),
    )


def _promised(verdict: Verdict, n_wanted: Mapping[str, int], settings: Settings) -> Iterator[Ask]:
    dossier = verdict.dossier
    n_first = n_answers_of(dossier.purpose, settings)
    if n_first > n_wanted.get(dossier.plan["key"], 1):
        yield Ask(dossier.plan["key"], n_first, AskReason.FIRST)
    for key in dict.fromkeys(dossier.uncounted):
        n = 1 + dossier.uncounted.count(key)
        if n > n_wanted.get(key, 1):
            yield Ask(key, n, AskReason.UNCOUNTED)


def _disputes(
    verdicts: Sequence[Verdict], live: Mapping[str, TaskStatus]
) -> Iterator[tuple[Dossier, Purpose]]:
    for one in verdicts:
        dossier = one.dossier
        if one.step is Step.ADJUDICATE and task_key(dossier.sample_id, Purpose.ADJUDICATION) not in live:
            yield dossier, Purpose.ADJUDICATION


def _checks(
    verdicts: Sequence[Verdict], live: Mapping[str, TaskStatus], n_wanted: Mapping[str, int]
) -> Iterator[Ask | tuple[Dossier, Purpose]]:
    """Yield the further blind answer that both arms of anchoring get, once the task has been answered."""
    for one in verdicts:
        dossier = one.dossier
        if dossier.purpose is not Purpose.REVIEW or not dossier.votes:
            continue
        key = dossier.plan["key"]
        if dossier.arm is Arm.HIDDEN and n_wanted.get(key, 1) < dossier.standing.n_first:
            yield Ask(key, dossier.standing.n_first, AskReason.CHECK)
        if dossier.arm is Arm.CHECKED and task_key(dossier.sample_id, Purpose.RECHECK) not in live:
            yield dossier, Purpose.RECHECK


def _controls(
    verdicts: Verdicts,
    known: Sequence[KnownAnswer],
    live: Mapping[str, TaskStatus],
    asks: Asks,
    settings: Settings,
) -> Iterator[Ask]:
    """Yield one more answer for known-answer tasks, in step with the answers people have given so far."""
    votes = [vote for one in verdicts.verdicts for vote in one.dossier.votes]
    due = n_controls_due(
        n_answers=len(votes),
        n_controls=sum(one.reason is AskReason.CONTROL for one in asks.all()),
        control_rate=settings.people.control_rate,
    )
    people = {one.annotator for one in votes}
    dossiers = {one.dossier.sample_id: one.dossier for one in verdicts.verdicts}
    onboarding = {one.sample_id for one in live.values() if one.purpose is Purpose.ONBOARDING}
    usable = [
        one
        for one in known
        if one.sample_id not in onboarding and not _is_known_elsewhere(dossiers[one.sample_id], people)
    ]
    for sample_id in choose_controls(usable, n=due, people=people, seed=settings.selection.seed):
        dossier = dossiers[sample_id]
        n_answers = max(dossier.standing.n_asked, len(dossier.votes)) + 1
        yield Ask(dossier.plan["key"], n_answers, AskReason.CONTROL)


def _is_known_elsewhere(dossier: Dossier, people: Collection[str]) -> bool:
    """Whether some of `people` have met the sample in another task, so that they could be handed it twice."""
    is_decided_by_them = dossier.decision is not None and dossier.decision.annotator in people
    return len(dossier.keys) > 1 or is_decided_by_them


def _onboarding(
    verdicts: Verdicts, known: Sequence[KnownAnswer], live: Mapping[str, TaskStatus], settings: Settings
) -> Iterator[tuple[Dossier, Purpose]]:
    """Yield the tasks that the onboarding set still lacks."""
    current = [one.sample_id for one in live.values() if one.purpose is Purpose.ONBOARDING]
    dossiers = {one.dossier.sample_id: one.dossier for one in verdicts.verdicts}
    n = settings.people.onboarding_tasks
    for sample_id in choose_onboarding(known, n=n, current=current, seed=settings.selection.seed):
        if sample_id not in current:
            yield dossiers[sample_id], Purpose.ONBOARDING


def _unsure(verdicts: Verdicts, n_wanted: Mapping[str, int]) -> Iterator[Ask]:
    """Yield one more answer for each unsure sample, most expected gain first; ties by sample_id."""
    gains = verdicts.findings.expected_gain()
    for place in np.argsort(-gains, kind="stable"):
        one = verdicts.verdicts[int(place)]
        if one.step is Step.ASK:
            dossier = one.dossier
            recheck = task_key(dossier.sample_id, Purpose.RECHECK)
            key = (
                recheck if recheck in dossier.keys else dossier.plan["key"]
            )  # blind, where there is a choice
            n_given = sum(task_key(vote.sample_id, vote.purpose) == key for vote in dossier.votes)
            yield Ask(key, max(n_wanted.get(key, 1), n_given) + 1, AskReason.UNSURE)


def _counts(names: Sequence[str]) -> dict[str, int]:
    return {one: names.count(one) for one in sorted(set(names))}
