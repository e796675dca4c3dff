"""Asking until sure: what a sample needs next, one more answer, a decision, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from goldloop.consensus.fit import Consensus


class Step(StrEnum):
    """What a sample needs next."""

    NOTHING = "nothing"  # its label is gold
    WAIT = "wait"  # people have been asked and have not answered yet
    ASK = "ask"  # one more answer
    ADJUDICATE = "adjudicate"  # an adjudicator's decision


@dataclass(frozen=True, slots=True)
class LabelingState:
    """Where one sample stands.

    `votes` are labels in the order in which they were first given. `n_asked` answers were asked for in all,
    of which `n_first` come first and independently; `is_strict` samples, which judge something, go to
    adjudication when those differ. `n_skips` people could not tell. `is_decided` says an adjudicator has.
    """

    votes: Sequence[str]
    n_asked: int
    n_first: int
    n_skips: int = 0
    is_strict: bool = False
    is_decided: bool = False

    @property
    def has_dissent(self) -> bool:
        """Whether the first answers differ; what was answered later, such as controls, does not count."""
        return len(set(self.votes[: self.n_first])) > 1

    @property
    def is_complete(self) -> bool:
        """Whether the first answers are in, or so many of them agree that the others cannot change it."""
        first = self.votes[: self.n_first]
        return len(first) == self.n_first or (not self.is_strict and _most(first) > self.n_first / 2)


def _most(labels: Sequence[str]) -> int:
    return max((labels.count(one) for one in set(labels)), default=0)


def is_gold(state: LabelingState, found: Consensus) -> bool:
    """Return whether the sample's label counts: sure enough, and answered as often as was promised."""
    if state.is_decided:
        return found.label is not None
    if not state.is_complete or (state.is_strict and state.has_dissent):
        return False
    return found.label is not None


def next_step(state: LabelingState, found: Consensus, *, max_answers: int) -> Step:
    """Return what a sample needs next.

    A further person is asked while fewer than `max_answers` have been, then an adjudicator. An adjudicator
    is also asked when the first answers to a strict sample differ, or when `max_answers` people could not
    tell and nobody could.
    """
    if is_gold(state, found):
        return Step.NOTHING
    if state.is_strict and state.has_dissent:
        return Step.ADJUDICATE
    if not state.votes and state.n_skips >= max_answers:
        return Step.ADJUDICATE
    if len(state.votes) < max(state.n_asked, state.n_first):
        return Step.WAIT
    return Step.ASK if state.n_asked < max_answers else Step.ADJUDICATE


def answers_shown(votes: Mapping[str, str]) -> dict[str, int]:
    """Return how often each label was given, most frequent first, as an adjudicator is shown it."""
    labels = list(votes.values())
    return {one: labels.count(one) for one in sorted(set(labels), key=lambda one: (-labels.count(one), one))}
