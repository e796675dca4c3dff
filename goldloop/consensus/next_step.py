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

    @property
    def has_dissent(self) -> bool:
        """Whether the first answers differ; later answers, such as honeypots, do not count."""
        return len(set(self.votes[: self.n_first])) > 1

    @property
    def is_complete(self) -> bool:
        """Whether the first answers are in, or enough agree that the rest cannot change the majority."""
        first = self.votes[: self.n_first]
        return len(first) == self.n_first or (not self.is_strict and _most(first) > self.n_first / 2)


def _most(labels: Sequence[str]) -> int:
    return max((labels.count(label) for label in set(labels)), default=0)


def is_gold(state: LabelingState, consensus: Consensus) -> bool:
    """Return whether the sample's label is gold: there is a consensus, and the first answers are complete."""
    if not state.is_decided and (not state.is_complete or (state.is_strict and state.has_dissent)):
        return False
    return consensus.label is not None


def next_step(state: LabelingState, consensus: Consensus, *, max_answers: int) -> Step:
    """Return what a sample needs next.

    An unsure sample gets one more answer until `max_answers` were requested, then adjudication. A strict
    sample whose first answers differ also goes to adjudication, as does a sample with `max_answers` skips
    and no vote.
    """
    if is_gold(state, consensus):
        return Step.NOTHING
    if state.is_strict and state.has_dissent:
        return Step.ADJUDICATE
    if not state.votes and state.n_skips >= max_answers:
        return Step.ADJUDICATE
    if len(state.votes) < max(state.n_asked, state.n_first):
        return Step.WAIT
    return Step.ASK if state.n_asked < max_answers else Step.ADJUDICATE


def answers_shown(votes: Mapping[str, str]) -> dict[str, int]:
    """Return how many annotators gave each label, most frequent first; an adjudicator sees these counts."""
    counts = Counter(votes.values())
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
