"""The gate: whether a challenger becomes champion, by which rule and for which reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.calibration import expected_calibration_error
from goldloop.errors import GoldVersionError, SettingsError
from goldloop.labels import LabelSet
from goldloop.metrics import Z_95, Estimate, LabelMetrics, accuracy, confusion, paired_interval, per_label

NON_INFERIORITY = "non-inferiority on the holdout"
FIRST_MODEL = "first model"
MOST_SAMPLES = 1_000_000  # nobody labels a larger holdout; the advice stops counting there


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one model version did on one split of one gold version.

    `confusion` holds counts, rows the true label and columns the predicted one, in label-set order;
    `per_label` follows the same order.
    """

    model_version: str
    split: str
    gold_version: int
    gold_digest: str
    accuracy: Estimate
    per_label: tuple[LabelMetrics, ...]
    ece: float
    confusion: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Number of samples judged."""
        return self.accuracy.n

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the evaluation that `to_dict` described."""
        return cls(
            model_version=str(values["model_version"]),
            split=str(values["split"]),
            gold_version=int(values["gold_version"]),
            gold_digest=str(values["gold_digest"]),
            accuracy=Estimate.from_dict(values["accuracy"]),
            per_label=tuple(LabelMetrics.from_dict(one) for one in values["per_label"]),
            ece=float(values["ece"]),
            confusion=tuple(tuple(int(count) for count in row) for row in values["confusion"]),
        )


def evaluate(
    probs: npt.NDArray[np.float64],
    truth: npt.NDArray[np.intp],
    *,
    labels: LabelSet,
    model_version: str,
    split: str,
    gold_version: int,
    gold_digest: str,
    weights: npt.ArrayLike | None = None,
) -> Evaluation:
    """Return how well `probs` (n, n_labels) find the columns `truth` (n,).

    `weights` are inverse inclusion probabilities; the confusion matrix counts samples regardless of them.

    Raises:
        EmptyPoolError: no samples.
        InvalidProbabilitiesError, LabelError: probs, weights or columns that do not fit the label set.
    """
    predicted = probs.argmax(axis=1)
    return Evaluation(
        model_version=model_version,
        split=split,
        gold_version=gold_version,
        gold_digest=gold_digest,
        accuracy=accuracy(truth, predicted, weights=weights),
        per_label=per_label(truth, predicted, labels=labels, weights=weights),
        ece=expected_calibration_error(probs, truth, weights=weights),
        confusion=tuple(tuple(row) for row in confusion(truth, predicted, n_labels=len(labels)).tolist()),
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """`margin` is the largest loss of accuracy (share) the interval may still admit."""

    margin: float
    min_holdout: int

    def __post_init__(self) -> None:
        if not (0 <= self.margin < 1 and self.min_holdout >= 1):
            raise SettingsError(
                f"the gate needs 0 <= margin < 1 and min_holdout >= 1, got {self.margin} and "
                f"{self.min_holdout}; correct [gate] in goldloop.toml"
            )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided; `difference` is challenger minus champion, None where there was none to take."""

    is_promoted: bool
    rule: str
    reasons: tuple[str, ...]
    challenger: str
    champion: str | None
    difference: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them."""
        return asdict(self) | {"reasons": list(self.reasons)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the decision that `to_dict` described."""
        difference, champion = values["difference"], values["champion"]
        return cls(
            is_promoted=bool(values["is_promoted"]),
            rule=str(values["rule"]),
            reasons=tuple(str(reason) for reason in values["reasons"]),
            challenger=str(values["challenger"]),
            champion=None if champion is None else str(champion),
            difference=None if difference is None else Estimate.from_dict(difference),
        )


def _points(share: float, *, signed: bool = True) -> str:
    return f"{100 * share:{'+' if signed else ''}.1f} points"


def _more_samples(difference: Estimate, is_settled: Callable[[float, float], bool]) -> str:
    """Return how many more samples give an interval (low, high) that `is_settled`, if the shares stay."""
    n = difference.n
    middle, half = (difference.low + difference.high) / 2, (difference.high - difference.low) / 2
    adjusted = (half / Z_95) ** 2 * (n + 2) + middle**2  # undoes `paired_interval` for the disagreement
    disagreement = min(1.0, max(abs(difference.value), (adjusted * (n + 2) - 2) / n))
    gained, lost = (disagreement + difference.value) / 2, (disagreement - difference.value) / 2
    for total in np.unique(np.geomspace(n + 1, MOST_SAMPLES, 2000).astype(int)).tolist():
        if is_settled(*paired_interval(gained, lost, total)):
            return f"about {total - n}"
    return f"over {MOST_SAMPLES - n}"


def _judged_alike(champion: Evaluation, challenger: Evaluation, difference: Estimate) -> None:
    seen = {(one.split, one.gold_version, one.gold_digest, one.n) for one in (champion, challenger)}
    if len(seen) > 1 or difference.n != challenger.n:
        raise GoldVersionError(
            f"champion {champion.model_version} was judged on {champion.split} of gold version "
            f"{champion.gold_version} (n={champion.n}), challenger {challenger.model_version} on "
            f"{challenger.split} of {challenger.gold_version} (n={challenger.n}), their difference on "
            f"n={difference.n}; judge all on the same samples"
        )


def _in_points(difference: Estimate) -> str:
    return (
        f"challenger minus champion: {_points(difference.value)} "
        f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}], n={difference.n}"
    )


def _why_refused(gate: Gate, difference: Estimate) -> tuple[str, ...]:
    seen = _in_points(difference)
    if difference.high < 0:
        return (f"{seen}: it is worse; train it on more or better gold",)
    if difference.value < 0:
        more = _more_samples(difference, lambda _, high: high < 0)
        return (
            f"{seen}: no better than the champion so far",
            f"{more} more holdout samples would show whether it is worse, if the difference stays",
        )
    more = _more_samples(difference, lambda low, _: low > -gate.margin)
    return (
        f"{seen}: the interval admits a loss of {_points(-difference.low, signed=False)}, "
        f"{_points(gate.margin, signed=False)} allowed",
        f"{more} more holdout samples would settle it, if the difference stays",
    )


def decide(
    gate: Gate, *, champion: Evaluation | None, challenger: Evaluation, difference: Estimate | None
) -> Decision:
    """Return whether `challenger` becomes champion.

    Without a champion it does. Else it needs `gate.min_holdout` samples, a difference of at least 0 and a
    lower bound above -`gate.margin`. A refusal is a normal result.

    Raises:
        GoldVersionError: the two were not judged on the same samples.
        ValueError: there is a champion and no difference.
    """
    if champion is None:
        reason = f"there is no champion yet; accuracy on {challenger.split} {challenger.accuracy}"
        return Decision(True, FIRST_MODEL, (reason,), challenger.model_version, None, None)
    if difference is None:
        raise ValueError(f"champion {champion.model_version} needs a paired difference to be challenged")
    _judged_alike(champion, challenger, difference)
    if challenger.n < gate.min_holdout:
        is_promoted = False
        reasons: tuple[str, ...] = (
            f"{challenger.n} holdout samples, gate.min_holdout asks for {gate.min_holdout}; "
            f"label {gate.min_holdout - challenger.n} more audit samples",
        )
    else:
        is_promoted = difference.value >= 0 and difference.low > -gate.margin
        accepted = f"{_in_points(difference)}: a loss of {_points(gate.margin, signed=False)} is ruled out"
        reasons = (accepted,) if is_promoted else _why_refused(gate, difference)
    return Decision(
        is_promoted, NON_INFERIORITY, reasons, challenger.model_version, champion.model_version, difference
    )
