"""The gate: what a challenger has to show on the holdout before it becomes champion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.core.errors import SettingsError
from goldloop.stats.comparison import Comparison, paired_interval
from goldloop.stats.metrics import Z_95, Estimate

RULES = {
    "non_inferiority": "non-inferiority on the holdout",
    "superiority": "superiority on the holdout",
}
MOST_SAMPLES = 1_000_000  # nobody labels a larger holdout; the advice stops counting there


@dataclass(frozen=True, slots=True)
class Gate:
    """What a challenger has to show; all of it are shares.

    The difference has to be 0 at least. By `rule` "non_inferiority" its interval may not admit a loss of
    `margin`, by "superiority" no loss at all. Whatever the rule, no label's recall may be shown to have
    fallen by more than `max_class_fall`, nor the calibration error to be above `max_ece`; at 1 neither is.
    """

    margin: float
    min_holdout: int
    rule: str = "non_inferiority"
    max_class_fall: float = 1.0
    max_ece: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.margin < 1 and self.min_holdout >= 1):
            raise SettingsError(
                f"the gate needs 0 <= margin < 1 and min_holdout >= 1, got {self.margin} and "
                f"{self.min_holdout}; correct [gate] in goldloop.toml"
            )
        if self.rule not in RULES or not (0 < self.max_class_fall <= 1 and 0 < self.max_ece <= 1):
            raise SettingsError(
                f"the gate needs a rule of {sorted(RULES)} and 0 < max_class_fall, max_ece <= 1, got "
                f"{self.rule!r}, {self.max_class_fall} and {self.max_ece}; correct [gate] in goldloop.toml"
            )

    def objections(self, comparison: Comparison, *, ece: Estimate) -> tuple[str, ...]:
        """Return what speaks against the challenger and what would settle it; nothing if nothing does.

        `ece` is the challenger's calibration error.
        """
        n = comparison.accuracy.n
        if n < self.min_holdout:
            return (
                f"{n} holdout samples, gate.min_holdout asks for {self.min_holdout}; "
                f"label {self.min_holdout - n} more audit samples",
            )
        return (
            *_against_accuracy(comparison.accuracy, loss=self.loss),
            *_against_labels(comparison.recalls, max_fall=self.max_class_fall),
            *_against_calibration(ece, max_ece=self.max_ece),
        )

    def approval(self, difference: Estimate) -> str:
        """Return in a sentence what a `difference` without objections shows."""
        shown = f"a loss of {_points(self.loss, signed=False)} is ruled out" if self.loss else "it is better"
        return f"{_in_points(difference)}: {shown}"

    @property
    def loss(self) -> float:
        """The loss of accuracy that the interval of the difference has to rule out."""
        return 0.0 if self.rule == "superiority" else self.margin


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


def _in_points(difference: Estimate) -> str:
    return (
        f"challenger minus champion: {_points(difference.value)} "
        f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}], n={difference.n}"
    )


def _against_accuracy(difference: Estimate, *, loss: float) -> tuple[str, ...]:
    """Return why `difference` does not rule out `loss`, and what would settle it; nothing if it does."""
    seen = _in_points(difference)
    if difference.high < 0:
        return (f"{seen}: it is worse; train it on more or better gold",)
    if difference.value < 0:
        more = _more_samples(difference, lambda _, high: high < 0)
        return (
            f"{seen}: no better than the champion so far",
            f"{more} more holdout samples would show whether it is worse, if the difference stays",
        )
    if difference.low > -loss:
        return ()
    more = _more_samples(difference, lambda low, _: low > -loss)
    allowed = f"{_points(loss, signed=False)} allowed" if loss else "it has to be better"
    return (
        f"{seen}: the interval admits a loss of {_points(-difference.low, signed=False)}, {allowed}",
        f"{more} more holdout samples would settle it, if the difference stays",
    )


def _against_labels(recalls: Mapping[str, Estimate], *, max_fall: float) -> tuple[str, ...]:
    """Return a sentence for each label whose recall has fallen by more than allowed, by evidence."""
    allowed = _points(max_fall, signed=False)
    return tuple(
        f"recall of {label} fell by {_points(-fall.value, signed=False)}, at least by "
        f"{_points(-fall.high, signed=False)} (n={fall.n}), {allowed} allowed; label more of it and look at "
        "what is new in its gold"
        for label, fall in recalls.items()
        if fall.high < -max_fall
    )


def _against_calibration(ece: Estimate, *, max_ece: float) -> tuple[str, ...]:
    """Return that the calibration error is too large, if that is shown."""
    if ece.low <= max_ece:
        return ()
    return (
        f"calibration error {ece}, {max_ece:g} allowed: nothing can be routed by its confidence; more "
        "validation samples calibrate it better",
    )
