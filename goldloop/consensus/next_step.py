"""The next step of a sample: nothing, wait, one more answer, or an adjudicator's decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from goldloop.consensus.label import Consensus


class Step(StrEnum):
    """What a sample needs next."""

    NOTHING = "nothing"  # its label is gold
    WAIT = "wait"  # annotators have not given all requested answers yet
    ASK = "ask"  # one more answer
    ADJUDICATE = "adjudicate"  # an adjudicator's decision


@dataclass(frozen=True, slots=True)
class LabelingState:
    """The answers to one sample so far.

    `votes` are labels in the order of the annotators' first answers. goldloop has requested `n_asked` answers
    in total, of which the `n_first` first are independent. `is_strict` samples, which measure a model or an
    annotator, go to adjudication when the first answers differ. `n_skips` annotators skipped the sample.
    `is_decided` is true after an adjudicator's decision.
    """

    votes: Sequence[str]
    n_asked: int
    n_first: int
    n_skips: int = 0
    is_strict: bool = False
    is_decided: bool = False


def next_step(state: LabelingState, consensus: Consensus, *, max_answers: int) -> Step:
    """Return what a sample needs next.

    A label is gold when there is a consensus and the first answers are in, or enough of them agree that the
    rest cannot change the majority. An unsure sample gets one more answer until `max_answers`, or all first
    answers, were requested, then adjudication. A strict sample needs all first answers, and goes to
    adjudication when they differ; so does a sample with `max_answers` skips and no vote.
    """
    first = state.votes[: state.n_first]  # later answers, such as honeypots, make no dispute
    n_agreeing = max(Counter(first).values(), default=0)
    is_disputed = state.is_strict and n_agreeing < len(first)
    is_complete = len(first) == state.n_first or (not state.is_strict and n_agreeing > state.n_first / 2)
    if consensus.label is not None and (state.is_decided or (is_complete and not is_disputed)):
        return Step.NOTHING
    max_answers = max(max_answers, state.n_first)
    if is_disputed or (not state.votes and state.n_skips >= max_answers):
        return Step.ADJUDICATE
    if len(state.votes) < max(state.n_asked, state.n_first):
        return Step.WAIT
    return Step.ASK if state.n_asked < max_answers else Step.ADJUDICATE


def answers_shown(votes: Mapping[str, str]) -> dict[str, int]:
    """Return how many annotators gave each label, most frequent first; an adjudicator sees these counts."""
    return dict(Counter(sorted(votes.values())).most_common())
