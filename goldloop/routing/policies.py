"""Policies: data that says where a sample goes, each one pure function from probs to lanes.

A policy is a frozen value with a version, which is stored with every decision; `policy_from_dict` makes the
same value again, so that any decision can be replayed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import InvalidBandError, PolicyError
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs, checked_rows, confidence

LaneRow = npt.NDArray[np.str_]
"""Shape (n_samples,), each entry the value of a `Lane`."""

TIE = 1e-9
"""Difference of expected costs, as a share of 1 plus the dearest error, below which they count as equal."""

Matrix = tuple[tuple[float, ...], ...]
"""Shape (n_labels, n_labels), rows the true label, columns what it is taken for, in label-set order."""


@dataclass(frozen=True, slots=True)
class Band:
    """Closed interval of calibrated confidence that people review; `below` is the lane under it."""

    low: float
    high: float
    below: Lane = Lane.HOLD

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise InvalidBandError(
                f"band needs 0 <= low < high <= 1, got {self.low} and {self.high}; correct policy.band"
            )

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        below = "" if self.below is Lane.HOLD else f",below={self.below}"
        return f"band[{self.low:g},{self.high:g}{below}]"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return the lane of each row: above the band auto, inside review (both ends included)."""
        sure = confidence(probs)
        return np.where(
            sure > self.high, str(Lane.AUTO), np.where(sure >= self.low, str(Lane.REVIEW), str(self.below))
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Accept at a chosen accuracy: from `threshold` on, which audits have certified for one model.

    With probability 1 - `delta` over the draw of the audits, what is accepted is right at least as often as
    `accuracy` says. `threshold` is None where the evidence does not suffice: then people get everything.
    """

    accuracy: float
    delta: float
    threshold: float | None

    def __post_init__(self) -> None:
        if not (0 < self.accuracy < 1 and 0 < self.delta < 1):
            raise PolicyError(
                f"a target needs an accuracy and a delta between 0 and 1, got {self.accuracy} and "
                f"{self.delta}; correct policy.target and policy.delta"
            )
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise PolicyError(f"a threshold lies in [0, 1], got {self.threshold}; fit the policy again")

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        begin = "nobody" if self.threshold is None else f"from={self.threshold:.6g}"
        return f"target[{self.accuracy:g},delta={self.delta:g},{begin}]"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return auto for rows at or above the threshold and review for all others."""
        if self.threshold is None:
            return np.full(len(probs), str(Lane.REVIEW))
        return np.where(confidence(probs) >= self.threshold, str(Lane.AUTO), str(Lane.REVIEW))


@dataclass(frozen=True, slots=True)
class Review:
    """One way of asking people: its price in currency, and how often each true label gets which answer.

    An infinite price says that nobody can be asked in this way.
    """

    price: float
    answers: Matrix


@dataclass(frozen=True, slots=True)
class Cost:
    """Send each sample where the expected cost is least [chow1970]; ties go to people, quickly.

    `errors` is what taking one label for another costs, in currency; its diagonal is 0. What differs by less
    than TIE counts as equal, so that the order in which labels are summed decides nothing.
    """

    errors: Matrix
    quick: Review
    full: Review

    def __post_init__(self) -> None:
        n = len(self.errors)
        for what, matrix in (
            ("errors", self.errors),
            ("quick.answers", self.quick.answers),
            ("full.answers", self.full.answers),
        ):
            values = np.asarray(matrix, dtype=np.float64)
            if values.shape != (n, n) or not (np.isfinite(values) & (values >= 0)).all():
                raise PolicyError(
                    f"{what} of a cost policy needs {n} x {n} finite values of at least 0, got shape "
                    f"{values.shape}; correct [cost]"
                )
            if what == "errors" and values.diagonal().any():
                raise PolicyError(
                    f"a right label costs nothing, got {values.diagonal().tolist()} on the diagonal of "
                    "errors; correct cost.errors"
                )
            if what != "errors" and np.abs(values.sum(axis=1) - 1).max(initial=0) > 1e-6:
                raise PolicyError(f"each row of {what} needs to sum to 1, got {values.sum(axis=1).tolist()}")
        for look in (self.quick, self.full):
            if not look.price >= 0:
                raise PolicyError(f"the price of a look is at least 0, got {look.price}; correct [cost]")

    @property
    def version(self) -> str:
        """Name stored with each decision: a digest, as the matrices are long."""
        body = json.dumps(policy_to_dict(self), sort_keys=True).encode()
        return f"cost[{hashlib.sha256(body).hexdigest()[:12]}]"

    def expected(self, probs: Probs) -> npt.NDArray[np.float64]:
        """Return the expected cost (n, 3) in currency of accepting, a quick review and a full review.

        Where two labels are equally likely, accepting costs what the dearer of them does.
        """
        if not len(probs):
            return np.zeros((0, 3))
        errors = np.asarray(self.errors)
        accepted = np.where(probs == probs.max(axis=1, keepdims=True), probs @ errors, -np.inf).max(axis=1)
        looks = [
            look.price + probs @ (np.asarray(look.answers) * errors).sum(axis=1)
            for look in (self.quick, self.full)
        ]
        return np.stack([accepted, *looks], axis=1)

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
class Suspended:
    """A policy whose accepted samples return to people, because audits show too many errors among them."""

    policy: Band | Target | Cost

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        return f"suspended {self.policy.version}"

    def lanes(self, probs: Probs) -> LaneRow:
        """Return the policy's lanes with review in place of auto."""
        lanes = self.policy.lanes(probs)
        return np.where(lanes == str(Lane.AUTO), str(Lane.REVIEW), lanes)


Policy = Band | Target | Cost | Suspended


def route(probs: npt.ArrayLike, policy: Policy) -> list[Lane]:
    """Return the lane of each row of `probs` (n, n_labels), exactly one, whatever the policy.

    Raises:
        InvalidProbabilitiesError: a row is not finite, negative or does not sum to 1; NaN has no lane.
    """
    return [Lane(one) for one in policy.lanes(checked_rows(probs)).tolist()]


def policy_to_dict(policy: Policy) -> dict[str, Any]:
    """Return the policy as JSON knows it."""
    if isinstance(policy, Suspended):
        return {"kind": "suspended", "policy": policy_to_dict(policy.policy)}
    kind = {Band: "band", Target: "target", Cost: "cost"}[type(policy)]
    return {"kind": kind, **_plain(asdict(policy))}


def _plain(value: Any) -> Any:
    """Return `value` with infinity as a word, which JSON has no number for, and tuples as lists."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return "inf" if value == float("inf") else value


def policy_from_dict(values: Mapping[str, Any]) -> Policy:
    """Return the policy that `policy_to_dict` described.

    Raises:
        PolicyError: no such kind of policy.
    """
    body = {key: value for key, value in values.items() if key != "kind"}
    match values.get("kind"):
        case "band":
            return Band(float(body["low"]), float(body["high"]), Lane(body["below"]))
        case "target":
            return Target(float(body["accuracy"]), float(body["delta"]), body["threshold"])
        case "cost":
            looks = {
                name: Review(float(body[name]["price"]), _matrix(body[name]["answers"]))
                for name in ("quick", "full")
            }
            return Cost(_matrix(body["errors"]), **looks)
        case "suspended":
            inner = policy_from_dict(body["policy"])
            return inner if isinstance(inner, Suspended) else Suspended(inner)
        case other:
            raise PolicyError(f"{other!r} is no kind of policy; known are band, target, cost and suspended")


def _matrix(rows: Any) -> Matrix:
    return tuple(tuple(float(value) for value in row) for row in rows)
