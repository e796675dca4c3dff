"""Policies: where a sample goes, each one a pure function from probs to lanes.

A policy is a frozen value with a version, which is stored with every decision. The policy log stores the
value itself, so that any decision can be replayed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from goldloop.core.codec import to_plain
from goldloop.core.errors import InvalidBandError, PolicyError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Prediction
from goldloop.core.probs import Probs, checked_rows, confidence, stored_probs

LaneRow = npt.NDArray[np.str_]
"""Shape (n_samples,), each entry the value of a `Lane`."""

TIE = 1e-9
"""Difference of expected costs, relative to 1 plus the largest error cost, below which they are equal."""

Matrix = tuple[tuple[float, ...], ...]
"""Shape (n_labels, n_labels), rows the true label, columns what it is taken for, in label-set order."""


@dataclass(frozen=True, slots=True)
class Band:
    """Closed interval of calibrated confidence that annotators review; `below` is the lane under it.

    `highs` is the upper end by likeliest label, for all of `labels`; both are empty where all share `high`.

    >>> band = Band(0.0, 0.85, highs=(0.95, 0.85), labels=("fine", "spam"))
    >>> [str(lane) for lane in route([[0.9, 0.1], [0.1, 0.9]], band)]
    ['review', 'auto']
    """

    low: float
    high: float
    below: Lane = Lane.HOLD
    highs: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.highs) != len(self.labels) or not all(self.low < high <= 1 for high in self.highs):
            raise InvalidBandError(
                f"A band from {self.low} needs an upper end above it for each label, at most 1, got "
                f"{self.highs} for {self.labels}. Correct policy.thresholds."
            )
        if not 0 <= self.low < self.high <= 1:
            raise InvalidBandError(
                f"A band needs 0 <= low < high <= 1, got {self.low} and {self.high}. Correct policy.band."
            )

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        below = "" if self.below is Lane.HOLD else f",below={self.below}"
        own = (pair for pair in zip(self.labels, self.highs, strict=True) if pair[1] != self.high)
        lines = "".join(f",{label}>{high:g}" for label, high in own)
        return f"band[{self.low:g},{self.high:g}{below}{lines}]"

    def line(self, label: str | None) -> float:
        """Return the upper end for samples whose likeliest label is `label`."""
        return dict(zip(self.labels, self.highs, strict=True)).get(str(label), self.high)

    def lanes(self, probs: Probs) -> LaneRow:
        """Return the lane of each row: above the band auto, inside review (both ends included).

        Where two labels are equally likely, the higher of their upper ends counts.
        """
        sure, highs = confidence(probs), np.asarray(self.highs or (self.high,) * probs.shape[1])
        high = np.where(probs == sure[:, None], highs, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(
            sure > high, str(Lane.AUTO), np.where(sure >= self.low, str(Lane.REVIEW), str(self.below))
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Accept samples with a confidence of at least `threshold`, which audits certified for one model.

    With probability 1 - `delta` over the draw of the audits, at least a share `accuracy` of the accepted
    labels is right. `threshold` is None where there are too few audits: then annotators get everything.
    """

    accuracy: float
    delta: float
    threshold: float | None

    def __post_init__(self) -> None:
        if not (0 < self.accuracy < 1 and 0 < self.delta < 1):
            raise PolicyError(
                f"A target needs an accuracy and a delta between 0 and 1, got {self.accuracy} and "
                f"{self.delta}. Correct policy.target and policy.delta."
            )
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise PolicyError(f"A threshold must lie in [0, 1], got {self.threshold}. Fit the policy again.")

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        begin = "nobody" if self.threshold is None else f"from={self.threshold:.6g}"
        return f"target[{self.accuracy:g},delta={self.delta:g},{begin}]"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return auto for rows at or above the threshold and review for all others."""
        least = np.inf if self.threshold is None else self.threshold
        return np.where(confidence(probs) >= least, str(Lane.AUTO), str(Lane.REVIEW))


@dataclass(frozen=True, slots=True)
class Review:
    """One way of asking annotators: its price in currency, and how often each true label gets which answer.

    An infinite price means that nobody can be asked in this way.
    """

    price: float
    answers: Matrix


@dataclass(frozen=True, slots=True)
class Cost:
    """Send each sample to the lane with the least expected cost [chow1970]; ties go to a quick review.

    `errors` is what taking one label for another costs, in currency; its diagonal is 0. Costs that differ by
    less than TIE count as equal, so that the order in which labels are summed decides nothing. `labels` names
    the rows and columns of the matrices; it is empty in policies from before it was kept.
    """

    errors: Matrix
    quick: Review
    full: Review
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.errors)
        matrices = {"errors": self.errors}
        matrices |= {"quick.answers": self.quick.answers, "full.answers": self.full.answers}
        for what, matrix in matrices.items():
            values = np.asarray(matrix, dtype=np.float64)
            if values.shape != (n, n) or not (np.isfinite(values) & (values >= 0)).all():
                raise PolicyError(
                    f"{what} of a cost policy needs {n} x {n} finite values of at least 0, got shape "
                    f"{values.shape}. Correct [cost]."
                )
            if what == "errors" and values.diagonal().any():
                raise PolicyError(
                    f"A right label costs nothing, got {values.diagonal().tolist()} on the diagonal of "
                    "errors. Correct cost.errors."
                )
            if what != "errors" and np.abs(values.sum(axis=1) - 1).max(initial=0) > 1e-6:
                raise PolicyError(
                    f"Each row of {what} must sum to 1, got {values.sum(axis=1).tolist()}. Correct [cost]."
                )
        for review in (self.quick, self.full):
            if not review.price >= 0:
                raise PolicyError(
                    f"The price of a review must be at least 0, got {review.price}. Correct [cost]."
                )

    @property
    def version(self) -> str:
        """Name stored with each decision: a digest, as the matrices are long."""
        body = json.dumps({"kind": "cost", **to_plain(self)}, sort_keys=True).encode()
        return f"cost[{hashlib.sha256(body).hexdigest()[:12]}]"

    def expected(self, probs: Probs) -> npt.NDArray[np.float64]:
        """Return the expected cost (n, 3) in currency of accepting, a quick review and a full review.

        Where two labels are equally likely, accepting costs what the more expensive of them does.
        """
        if not len(probs):
            return np.zeros((0, 3))
        errors = np.asarray(self.errors)
        accepted = np.where(probs == probs.max(axis=1, keepdims=True), probs @ errors, -np.inf).max(axis=1)
        reviewed = [
            review.price + probs @ (np.asarray(review.answers) * errors).sum(axis=1)
            for review in (self.quick, self.full)
        ]
        return np.stack([accepted, *reviewed], axis=1)

    def lanes(self, probs: Probs) -> LaneRow:
        """Return auto, review or full for each row, whichever is expected to cost least."""
        accept, quick, full = self.expected(probs).T
        slack = TIE * (1 + np.max(self.errors))
        return np.where(
            (quick <= accept + slack) & (quick <= full + slack),
            str(Lane.REVIEW),
            np.where(full <= accept + slack, str(Lane.FULL), str(Lane.AUTO)),
        )


@dataclass(frozen=True, slots=True)
class Supported:
    """A policy that accepts only where audits of one model support it; the rest of that goes to review.

    It accepts what `policy` accepts with a confidence of at least `threshold`; nothing where that is None.
    """

    policy: Band | Cost
    threshold: float | None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise PolicyError(f"A threshold must lie in [0, 1], got {self.threshold}. Run `goldloop score`.")

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        begin = "nobody" if self.threshold is None else f"from={self.threshold:.6g}"
        return f"{self.policy.version} supported[{begin}]"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return the policy's lanes, with review in place of auto below the threshold."""
        lanes = self.policy.lanes(probs)
        least = np.inf if self.threshold is None else self.threshold
        return np.where((lanes == str(Lane.AUTO)) & (confidence(probs) < least), str(Lane.REVIEW), lanes)


@dataclass(frozen=True, slots=True)
class Suspended:
    """A policy whose accepted samples go to review, because audits show too many errors among them."""

    policy: Band | Target | Cost

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        return f"suspended {self.policy.version}"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return the policy's lanes with review in place of auto."""
        lanes = self.policy.lanes(probs)
        return np.where(lanes == str(Lane.AUTO), str(Lane.REVIEW), lanes)


Policy = Band | Target | Cost | Supported | Suspended


def asked_for(policy: Policy) -> Band | Target | Cost:
    """Return the policy as the settings ask for it, whatever audits made of it."""
    return policy.policy if isinstance(policy, Supported | Suspended) else policy


def labels_of(policy: Policy) -> tuple[str, ...]:
    """Return the labels that `policy` is for, in order; empty where their order does not matter."""
    inner = asked_for(policy)
    return inner.labels if isinstance(inner, Cost | Band) else ()


def route(probs: npt.ArrayLike, policy: Policy) -> list[Lane]:
    """Return the lane of each row of `probs` (n, n_labels): exactly one, under any policy.

    Raises:
        InvalidProbabilitiesError: a row is not finite, negative or does not sum to 1.
    """
    return [Lane(lane) for lane in policy.lanes(checked_rows(probs)).tolist()]


def reroute(
    predictions: Sequence[Prediction], policy: Policy, labels: LabelSet
) -> list[tuple[Prediction, Lane]]:
    """Return the predictions whose lane differs under `policy`, in the order given, and their new lanes.

    `labels` is the label set of the policy.
    """
    if not predictions:
        return []
    rows = [prediction.probs or () for prediction in predictions]
    names = [prediction.label_names for prediction in predictions]
    lanes = policy.lanes(stored_probs(rows, names, labels)).tolist()
    moved = zip(predictions, map(Lane, lanes), strict=True)
    return [(prediction, lane) for prediction, lane in moved if lane is not prediction.lane]


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy of the log: the model it was settled for, the reasons and the warnings, in sentences."""

    policy: Policy
    model_version: str
    gold_version: int | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    settled_at: datetime

    def is_same(self, other: PolicyEntry) -> bool:
        """Return whether both say the same, whenever and on whichever gold version they were settled."""
        return self == replace(other, settled_at=self.settled_at, gold_version=self.gold_version)
