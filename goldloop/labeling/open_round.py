"""The open round: what it waits for, as a phrase for the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.enough import Shortage, shortage_of
from goldloop.labeling.budget import allowance_of, samples_asked, why_no_retrain
from goldloop.labeling.choice import choose_samples, in_their_order
from goldloop.labeling.context import LoopState
from goldloop.settings import Settings


def waits_for(state: LoopState, settings: Settings, *, is_more: Callable[[], bool]) -> str:
    """Return what the open round waits for, as in "the round waits for ...".

    `is_more` tells whether a push would request answers for further samples; it is called only where that
    matters.
    """
    snapshot = state.snapshot
    n_unpushed = sum(task.is_waiting for task in snapshot.live.values())
    if n_unpushed:
        return f"`goldloop push`: {n_unpushed} planned tasks are not pushed yet"
    reason, shortage = why_no_retrain(state), shortage_of(state.labelled)
    no_model = f"; no model can be trained yet: {reason}" if shortage else ""
    asked = samples_asked(state)
    if asked:
        return (
            f"annotators: {len(asked)} {_samples(len(asked))} an answer{_by_others(state, asked)}{no_model}"
        )
    if reason is None:
        return "a retrain: run `goldloop round`"
    if is_more():
        return f"`goldloop push`, which asks annotators about further samples: {reason}"
    n_disputed = _n_with_adjudicator(state)
    if n_disputed:
        return f"an adjudicator: {n_disputed} {_samples(n_disputed)} a decision{no_model}"
    return _needs_the_user(state, settings, reason, shortage)


def waits_for_now(tables: Tables, state: LoopState, settings: Settings, *, now: datetime) -> str:
    """Return what the open round waits for at `now`; reads the unlabeled pool where that matters."""

    def is_more() -> bool:
        allowance = allowance_of(state, settings)
        found = choose_samples(tables, settings, state.snapshot, allowance, rank=in_their_order, now=now)
        return bool(found.choices)

    return waits_for(state, settings, is_more=is_more)


def _needs_the_user(state: LoopState, settings: Settings, reason: str, shortage: Shortage | None) -> str:
    """Return what the user has to do, as no answer that goldloop may request can make a retrain possible."""
    if not state.snapshot.live:
        return "samples: run `goldloop score` with your samples"
    if shortage is Shortage.HOLDOUT:
        needs = (
            f"audits: {reason}, and no sample in the audit reserve is left to ask about. Raise "
            f"selection.audit_rate (now {settings.selection.audit_rate}), or add samples with "
            "`goldloop score`; then run `goldloop push`"
        )
    else:
        needs = (
            f"new samples: {reason}, and no sample is left to ask about. Add samples with `goldloop score`, "
            "then run `goldloop push`"
        )
    n_unpaid = sum(_is_unpaid(outcome) for outcome in state.outcomes.samples)
    if not n_unpaid:
        return needs
    return (
        f"{needs}. Also, {n_unpaid} {_samples(n_unpaid)} a further answer, for which the budget of the round "
        f"has no room: raise consensus.repeat_share (now {settings.consensus.repeat_share}) or "
        "selection.budget_per_round"
    )


def _by_others(state: LoopState, asked: Sequence[SampleOutcome]) -> str:
    """Return how many of the samples that everybody has answered wait for a further person."""
    people = {answer.annotator for answer in state.outcomes.answers}
    n_others = sum(bool(people) and people <= outcome.evidence.people for outcome in asked)
    if not n_others:
        return ""
    who = "the one annotator has" if len(people) == 1 else f"all {len(people)} annotators have"
    return (
        f", {n_others} of them by somebody else, because {who} answered them: `goldloop annotator add EMAIL` "
        "makes an account"
    )


def _is_unpaid(outcome: SampleOutcome) -> bool:
    """Return whether the sample needs an answer that nobody was asked for, because the budget is spent."""
    if outcome.step is Step.WAIT:
        return len(outcome.evidence.votes) >= outcome.evidence.n_asked
    return outcome.step in (Step.ASK, Step.ADJUDICATE)


def _n_with_adjudicator(state: LoopState) -> int:
    live = state.snapshot.live
    return sum(
        outcome.step is Step.ADJUDICATE and task_key(outcome.evidence.sample_id, Purpose.ADJUDICATION) in live
        for outcome in state.outcomes.samples
    )


def _samples(n: int) -> str:
    return "sample needs" if n == 1 else "samples need"
