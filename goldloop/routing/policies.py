"""Policies: where a sample goes and what it is taken for, each a pure function of probs and stakes.

A policy is a frozen value with a version, which is stored with every decision. The policy log stores the
value itself, so that any decision can be replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Amounts, Columns, Stakes
from goldloop.core.errors import InvalidBandError, PolicyError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Prediction
from goldloop.core.probs import Probs, checked_rows, confidence, likeliest, of_columns, stored_probs
from goldloop.routing.cost_policy import Cost, LaneRow


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

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return the lane of each row: above the band auto, inside review (both ends included).

        Where two labels are equally likely, the higher of their upper ends counts.
        """
        sure, highs = confidence(probs), np.asarray(self.highs or (self.high,) * probs.shape[1])
        high = np.where(probs == sure[:, None], highs, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(
            sure > high, str(Lane.AUTO), np.where(sure >= self.low, str(Lane.REVIEW), str(self.below))
        )

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the likeliest label (n,)."""
        return likeliest(probs)


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

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return auto for rows at or above the threshold and review for all others."""
        least = np.inf if self.threshold is None else self.threshold
        return np.where(confidence(probs) >= least, str(Lane.AUTO), str(Lane.REVIEW))

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the likeliest label (n,)."""
        return likeliest(probs)


@dataclass(frozen=True, slots=True)
class Risk:
    """Lines of risk set by hand: below `quick` a sample is accepted as the first label, from there on it gets
    a quick review, from `full` on a full review, and from `decline` on the likeliest other label.

    The risk of a sample is the probability that its label is not the first one of `labels`.
    """

    quick: float
    full: float
    decline: float
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.quick <= self.full <= self.decline <= 1:
            raise PolicyError(
                f"Lines of risk need 0 < quick <= full <= decline <= 1, got {self.quick}, {self.full} and "
                f"{self.decline}. Correct policy.risk."
            )

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        return f"risk[{self.quick:g},{self.full:g},{self.decline:g}]"

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return the lane of each row by its risk; no stake counts."""
        risk = 1 - probs[:, 0]
        is_auto = (risk < self.quick) | (risk >= self.decline)
        people = np.where(risk < self.full, str(Lane.REVIEW), str(Lane.FULL))
        return np.where(is_auto, str(Lane.AUTO), people)

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the label (n,): the first below `quick`, the likeliest other from `decline` on, or the
        likeliest of all."""
        if not len(probs):
            return np.zeros(0, dtype=np.intp)
        risk = 1 - probs[:, 0]
        found = np.where(risk < self.quick, 0, likeliest(probs))
        return np.asarray(np.where(risk >= self.decline, 1 + probs[:, 1:].argmax(axis=1), found))


@dataclass(frozen=True, slots=True)
class Supported:
    """A policy that accepts only where audits of one model support it; the rest of that goes to review.

    It accepts what `policy` accepts with a probability of at least `threshold` of the label that is taken;
    nothing where that is None.
    """

    policy: Band | Cost | Risk
    threshold: float | None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise PolicyError(f"A threshold must lie in [0, 1], got {self.threshold}. Run `goldloop score`.")

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        begin = "nobody" if self.threshold is None else f"from={self.threshold:.6g}"
        return f"{self.policy.version} supported[{begin}]"

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return the policy's lanes, with review in place of auto below the threshold."""
        lanes = self.policy.lanes(probs, stakes)
        least = np.inf if self.threshold is None else self.threshold
        is_unsure = of_columns(probs, self.policy.decided(probs, stakes)) < least
        return np.where((lanes == str(Lane.AUTO)) & is_unsure, str(Lane.REVIEW), lanes)

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the label (n,) that the policy takes each sample for."""
        return self.policy.decided(probs, stakes)


@dataclass(frozen=True, slots=True)
class Suspended:
    """A policy whose accepted samples go to review, because audits show too many errors among them."""

    policy: Band | Target | Cost | Risk

    @property
    def version(self) -> str:
        """Name stored with each decision."""
        return f"suspended {self.policy.version}"

    def lanes(self, probs: Probs, stakes: Stakes | None = None) -> LaneRow:
        """Return the policy's lanes with review in place of auto."""
        lanes = self.policy.lanes(probs, stakes)
        return np.where(lanes == str(Lane.AUTO), str(Lane.REVIEW), lanes)

    def decided(self, probs: Probs, stakes: Stakes | None = None) -> Columns:
        """Return the label (n,) that the policy takes each sample for."""
        return self.policy.decided(probs, stakes)


Policy = Band | Target | Cost | Risk | Supported | Suspended


def asked_for(policy: Policy) -> Band | Target | Cost | Risk:
    """Return the policy as the settings ask for it, whatever audits made of it."""
    return policy.policy if isinstance(policy, Supported | Suspended) else policy


def labels_of(policy: Policy) -> tuple[str, ...]:
    """Return the labels that `policy` is for, in order; empty where their order does not matter."""
    inner = asked_for(policy)
    return () if isinstance(inner, Target) else inner.labels


def savings_of(policy: Policy, probs: Probs, stakes: Stakes | None = None) -> Amounts:
    """Return what a review is expected to save (n,), in currency per minute; NaN where that is unknown."""
    inner = asked_for(policy)
    return inner.savings(probs, stakes) if isinstance(inner, Cost) else np.full(len(probs), np.nan)


def route(probs: npt.ArrayLike, policy: Policy, stakes: Stakes | None = None) -> list[Lane]:
    """Return the lane of each row of `probs` (n, n_labels): exactly one, under any policy.

    Raises:
        InvalidProbabilitiesError: a row is not finite, negative or does not sum to 1.
    """
    return [Lane(lane) for lane in policy.lanes(checked_rows(probs), stakes).tolist()]


def reroute(
    predictions: Sequence[Prediction], policy: Policy, labels: LabelSet
) -> list[tuple[Prediction, Prediction]]:
    """Return the predictions that `policy` sends to another lane or takes for another label, in the order
    given, each beside itself with what the policy makes of it.

    `labels` is the label set of the policy.
    """
    if not predictions:
        return []
    rows = [prediction.probs or () for prediction in predictions]
    probs = stored_probs(rows, [prediction.label_names for prediction in predictions], labels)
    stakes = np.array([prediction.stake or 0.0 for prediction in predictions])
    lanes, savings = policy.lanes(probs, stakes).tolist(), savings_of(policy, probs, stakes).tolist()
    decided = [labels[column] for column in policy.decided(probs, stakes).tolist()]
    moved = [
        replace(one, lane=Lane(lane), decided=label, saving=None if isnan(saving) else saving)
        for one, lane, label, saving in zip(predictions, lanes, decided, savings, strict=True)
    ]
    pairs = zip(predictions, moved, strict=True)
    return [
        (old, new) for old, new in pairs if (old.lane, old.decided or old.label) != (new.lane, new.decided)
    ]


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
