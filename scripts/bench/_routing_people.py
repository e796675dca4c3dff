"""The people of the routing bench: what a quick review and a full review say, and how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from _outputs import Columns, Floats

from goldloop.routing.fit import Answered, KnownPeople
from goldloop.settings import CostSettings

SENIOR = 0.995
"""How often the simulated adjudicator who decides disputes of real people is right."""

N_BLIND = 2


@dataclass(frozen=True, slots=True)
class Said:
    """What people would say of each sample, all (n,): labels as columns, times in seconds of work.

    `known` is what the loop has learnt of these people from the audits.
    """

    quick: Columns
    full: Columns
    quick_s: Floats
    full_s: Floats
    known: KnownPeople

    def where(self, rows: npt.NDArray[np.bool_]) -> Said:
        """Return what is said of the samples whose entry in `rows` is true."""
        return Said(self.quick[rows], self.full[rows], self.quick_s[rows], self.full_s[rows], self.known)


class People(Protocol):
    """Somebody to ask."""

    def say(self, truth: Columns, audits: Columns, n_labels: int, rng: np.random.Generator) -> Said:
        """Return what is said of all samples, and what the `audits`, as rows, tell of those who say it."""
        ...


@dataclass(frozen=True, slots=True)
class RealPeople:
    """Real answers (n, 3): one is a quick review, two others and an adjudicator where they differ a full review."""

    answers: Columns
    cost: CostSettings

    def say(self, truth: Columns, audits: Columns, n_labels: int, rng: np.random.Generator) -> Said:
        """Return the answers in a random order of the three people; mistakes of the adjudicator are uniform."""
        order = np.argsort(rng.random(self.answers.shape), axis=1)
        quick, first, second = np.take_along_axis(self.answers, order, axis=1).T
        decision = mostly_right(truth, SENIOR, n_labels, rng)
        is_dispute = first != second
        blind_s = self.cost.full_s / N_BLIND
        disputed = audits[is_dispute[audits]]
        blind = _counts(truth[audits], first[audits], n_labels) + _counts(
            truth[audits], second[audits], n_labels
        )
        return Said(
            quick=quick,
            full=np.where(is_dispute, decision, first),
            quick_s=np.full(len(truth), self.cost.quick_s),
            full_s=blind_s * (N_BLIND + is_dispute),
            known=KnownPeople(
                quick=_answered(blind),
                blind=_answered(blind),
                adjudicating=_answered(_counts(truth[disputed], decision[disputed], n_labels)),
            ),
        )


@dataclass(frozen=True, slots=True)
class SimulatedPeople:
    """People as [cost] describes them, wrong at random; the cost policy is told no more than that."""

    cost: CostSettings

    def say(self, truth: Columns, audits: Columns, n_labels: int, rng: np.random.Generator) -> Said:
        """Return answers that are right as often as the settings say."""
        return Said(
            quick=mostly_right(truth, self.cost.quick_accuracy, n_labels, rng),
            full=mostly_right(truth, self.cost.full_accuracy, n_labels, rng),
            quick_s=np.full(len(truth), self.cost.quick_s),
            full_s=np.full(len(truth), self.cost.full_s),
            known=KnownPeople(),
        )


def mostly_right(truth: Columns, accuracy: float, n_labels: int, rng: np.random.Generator) -> Columns:
    """Return `truth` with a share of 1 - `accuracy` replaced by any other label."""
    other = (truth + rng.integers(1, n_labels, len(truth))) % n_labels
    return np.where(rng.random(len(truth)) < accuracy, truth, other)


def _counts(truth: Columns, said: Columns, n_labels: int) -> npt.NDArray[np.int64]:
    return np.bincount(truth * n_labels + said, minlength=n_labels**2).reshape(n_labels, n_labels)


def _answered(counts: npt.NDArray[np.int64]) -> Answered:
    return Answered(seconds=(), counts=tuple(tuple(float(one) for one in row) for row in counts))
