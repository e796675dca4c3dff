"""The cost policy: each sample gets the action that is expected to cost least, at its own stake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.codec import to_plain
from goldloop.core.error_costs import Amounts, Columns, ErrorCosts, Matrix, Stakes
from goldloop.core.errors import PolicyError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs

LaneRow = npt.NDArray[np.str_]
"""Shape (n_samples,), each entry the value of a `Lane`."""


@dataclass(frozen=True, slots=True)
class Review:
    """One way of asking annotators: its price in currency, and how often each true label gets which answer.

    An infinite price means that nobody can be asked in this way. `minutes` is the time of people that it
    takes; 0 where that is not known. `by_stake` has the review for each part of the stakes, in ascending
    order, where these are known apart.
    """

    price: float
    answers: Matrix
    minutes: float = 0.0
    by_stake: tuple[StakedReview, ...] = ()

    def of_truth(self, truth: Columns, costs: ErrorCosts, stakes: Stakes | None = None) -> Amounts:
        """Return what the review of samples of the labels `truth` is expected to cost (n,), with errors."""
        found = np.empty(len(truth))
        for rows, review in self._parts(stakes, len(truth)):
            errors = costs.of_truth(truth[rows], None if stakes is None else stakes[rows])
            found[rows] = review.price + (np.asarray(review.answers)[truth[rows]] * errors).sum(axis=1)
        return found

    def expected(self, probs: Probs, costs: ErrorCosts, stakes: Stakes | None = None) -> Amounts:
        """Return what the review of samples with `probs` is expected to cost (n,), with errors."""
        found = np.empty(len(probs))
        for rows, review in self._parts(stakes, len(probs)):
            found[rows] = review._expected(probs[rows], costs, None if stakes is None else stakes[rows])
        return found

    def minutes_of(self, stakes: Stakes | None, n: int) -> Amounts:
        """Return the minutes of people that the review of each of n samples takes (n,)."""
        found = np.empty(n)
        for rows, review in self._parts(stakes, n):
            found[rows] = review.minutes
        return found

    def _parts(self, stakes: Stakes | None, n: int) -> Iterator[tuple[npt.NDArray[np.bool_], Review]]:
        """Yield which of n samples get which review."""
        if stakes is None or not self.by_stake:
            yield np.ones(n, dtype=bool), self
            return
        place = np.searchsorted([one.least for one in self.by_stake], stakes, side="right")
        for number, review in enumerate([self, *(one.review for one in self.by_stake)]):
            yield place == number, review

    def _expected(self, probs: Probs, costs: ErrorCosts, stakes: Stakes | None) -> Amounts:
        answers = np.asarray(self.answers)
        expected = self.price + probs @ (answers * np.asarray(costs.base)).sum(axis=1)
        if costs.factors and stakes is not None:
            expected += stakes * (probs @ (answers * np.asarray(costs.factors)).sum(axis=1))
        return np.asarray(expected)


@dataclass(frozen=True, slots=True)
class StakedReview:
    """The review of samples with at least the stake `least`."""

    least: float
    review: Review


@dataclass(frozen=True, slots=True)
class Cost:
    """Send each sample to the lane with the least expected cost [chow1970]; ties go to a quick review.

    Accepting costs what the label does that is cheapest to take the sample for, which is not always its
    likeliest one. `errors` is what taking one label for another costs, in currency, and `factors` what it
    costs for each unit of the sample's stake, empty where no stake counts. `labels` names the rows and
    columns of the matrices; it is empty in policies from before it was kept.
    """

    errors: Matrix
    quick: Review
    full: Review
    labels: tuple[str, ...] = ()
    factors: Matrix = ()

    def __post_init__(self) -> None:
        self._check("errors", self.errors)
        if self.factors:
            self._check("factors", self.factors)
        for name, review in self._reviews():
            answers = self._check(f"{name}.answers", review.answers)
            if np.abs(answers.sum(axis=1) - 1).max(initial=0) > 1e-6:
                raise PolicyError(
                    f"Each row of {name}.answers must sum to 1, got {answers.sum(axis=1).tolist()}. Correct "
                    "[cost]."
                )
            if not review.price >= 0:
                raise PolicyError(
                    f"The price of a review must be at least 0, got {review.price}. Correct [cost]."
                )

    def _reviews(self) -> Iterator[tuple[str, Review]]:
        """Yield every review with its name."""
        for name, review in (("quick", self.quick), ("full", self.full)):
            yield name, review
            yield from ((name, one.review) for one in review.by_stake)

    def _check(self, what: str, matrix: Matrix) -> Amounts:
        """Return a matrix of the policy as an array, after checking its shape and its values."""
        n, values = len(self.errors), np.asarray(matrix, dtype=np.float64)
        if values.shape != (n, n) or not (np.isfinite(values) & (values >= 0)).all():
            raise PolicyError(
                f"{what} of a cost policy needs {n} x {n} finite values of at least 0, got shape "
                f"{values.shape}. Correct [cost]."
            )
        if what in ("errors", "factors") and values.diagonal().any():
            raise PolicyError(
                f"A right label costs nothing, got {values.diagonal().tolist()} on the diagonal of "
                f"{what}. Correct cost.errors."
            )
        return values

    @property
    def version(self) -> str:
        """Name stored with each decision: a digest, as the matrices are long."""
        values = {"kind": "cost", **to_plain(self)}
        for name in ("quick", "full"):
            if not values[name]["by_stake"]:  # so that policies from before it was kept have their name
                del values[name]["by_stake"]
        body = json.dumps(values, sort_keys=True).encode()
        return f"cost[{hashlib.sha256(body).hexdigest()[:12]}]"

    @property
    def costs(self) -> ErrorCosts:
        """What errors cost."""
        return ErrorCosts(self.errors, self.factors)

    def expected(self, probs: Probs, stakes: Stakes | None = None) -> Amounts:
        """Return the expected cost (n, 3) in currency of accepting, a quick review and a full review."""
        if not len(probs):
            return np.zeros((0, 3))
        accepted = self.costs.expected(probs, stakes).min(axis=1)
        reviewed = [review.expected(probs, self.costs, stakes) for review in (self.quick, self.full)]
        return np.stack([accepted, *reviewed], axis=1)

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the label (n,) that is expected to cost least where no annotator decides."""
        return self.costs.decided(probs, stakes)

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return auto, review or full for each row, whichever is expected to cost least."""
        accept, quick, full = self.expected(probs, stakes).T
        slack = self.costs.slack(stakes, len(probs))
        return np.where(
            (quick <= accept + slack) & (quick <= full + slack),
            str(Lane.REVIEW),
            np.where(full <= accept + slack, str(Lane.FULL), str(Lane.AUTO)),
        )

    def savings(self, probs: Probs, stakes: Stakes | None = None) -> Amounts:
        """Return what a review is expected to save (n,), in currency per minute of an annotator.

        It is that of the lane that the sample goes to, against the cheapest label without a review; NaN where
        the sample goes to no annotator, or the minutes of a review are not known.
        """
        lanes = self.lanes(probs, stakes)
        accept, *reviewed = self.expected(probs, stakes).T
        savings = np.full(len(probs), np.nan)
        ways = zip((Lane.REVIEW, Lane.FULL), (self.quick, self.full), reviewed, strict=True)
        for lane, review, cost in ways:
            minutes = review.minutes_of(stakes, len(probs))
            rows = (lanes == str(lane)) & (minutes > 0)
            savings[rows] = (accept[rows] - cost[rows]) / minutes[rows]
        return savings


def action_costs(policy: Cost, labels: LabelSet, probs: Probs, stakes: Stakes) -> dict[str, float]:
    """Return the expected cost of each action for one sample, whose `probs` are (1, n_labels)."""
    _, *reviewed = policy.expected(probs, stakes)[0].tolist()
    taken = policy.costs.expected(probs, stakes)[0].tolist()
    actions = [*(f"take for {label}" for label in labels), "quick review", "full review"]
    return dict(zip(actions, [*taken, *reviewed], strict=True))
