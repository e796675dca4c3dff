"""The budget of the open round: what is left of it, and when the round gets it again."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.tasks import Purpose
from goldloop.gold.enough import Shortage, shortage_of, train_labels
from goldloop.labeling.context import LoopState
from goldloop.selection.plan import n_answers_of, n_first_asked, round_budget
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many first answers the open round may request.

    `n_answers` are left of its budget. When these pay for no task, the round may request `n_more` beyond its
    budget, for the reason `why_more`; with `needs_audit` for audits only, because no other answer can help.
    """

    n_answers: int = 0
    n_more: int = 0
    why_more: str | None = None
    needs_audit: bool = False


def allowance_of(state: LoopState, settings: Settings) -> Allowance:
    """Return what the open round may request.

    A retrain closes a round. A round in which no annotator has a task and from which no model can be trained
    therefore gets its budget again; otherwise goldloop would never ask anybody again.
    """
    snapshot = state.snapshot
    budget = round_budget(settings, has_model=snapshot.has_model)
    left = max(0, budget.n_first - n_first_asked(snapshot.live.values(), snapshot.round, settings))
    reason = why_no_retrain(state)
    if reason is None or samples_asked(state):
        return Allowance(left)
    n_more = max(budget.n_first, n_answers_of(Purpose.AUDIT, settings))  # pays for any task
    shortage = shortage_of(state.labelled)
    fault = "have not changed gold" if shortage is None else "do not suffice to train and evaluate a model"
    why = (
        f"The budget of round {snapshot.round} is spent, but its answers {fault}: {reason}. "
        f"goldloop requests up to {n_more} more answers."
    )
    return Allowance(left, n_more, why, needs_audit=shortage is Shortage.HOLDOUT)


def why_no_retrain(state: LoopState) -> str | None:
    """Return why no retrain can close the open round now, as a clause; None if one can."""
    match shortage_of(state.labelled):
        case Shortage.LABELS:
            labels = train_labels(state.labelled)
            if not labels:
                return "no training sample has a label"
            return f"the training samples have only the label {labels[0]!r}; training needs two labels"
        case Shortage.HOLDOUT:
            return "gold has no holdout sample to evaluate a model on"
    if state.snapshot.closed_gold == state.snapshot.gold.version.digest:
        return "gold has not changed since the last retrain"
    return None


def samples_asked(state: LoopState) -> list[SampleOutcome]:
    """Return the samples with a task that an annotator has still to answer.

    A sample that everybody who has worked in the open round skipped or answered is left out if somebody
    skipped it: nobody is left to answer it.
    """
    now = state.snapshot.round
    people = {answer.annotator for answer in state.outcomes.answers if answer.round == now}
    return [
        outcome
        for outcome in state.outcomes.samples
        if outcome.step is Step.WAIT
        and len(outcome.evidence.votes) < outcome.evidence.n_asked
        and not (people and outcome.evidence.skips and people <= outcome.evidence.people)
    ]
