"""Prefill advice: whether annotators see the model's suggestion, for all labels and for each.

Suggestions are shown unless automation bias is proven. They are turned off where the upper bound of the
adoption gap exceeds the limit and its lower bound, valid at every look, is above zero. The first condition
alone would turn them off in every young project, whose interval is wide; the second alone would act on a
negligible gap. In simulations without automation bias (scripts.bench.labels --part automation_bias), the rule
turned them off at some time in 0 to 3 % of projects over two years of weekly looks, for the project or one of
its ten labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from goldloop.annotators.automation_bias import AdoptionGap, adjusted_difference
from goldloop.core.chance import Arm

ERROR = 0.05  # probability of ever turning off without cause, half of it for the project, half for labels
BEST_AT = 12.0  # 1 / variance of the gap at which the bound is tightest; 6 and 25 gave the same figures


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether suggestions are shown: not at all without `is_on`, else for all labels but `off_labels`."""

    is_on: bool
    off_labels: tuple[str, ...]
    reasons: tuple[str, ...]

    def is_shown(self, arm: Arm, suggested_label: str) -> bool:
        """Return whether a review task of this arm shows its suggestion.

        The shown and the hidden arm ignore the advice, so that the gap is still measured while suggestions
        are turned off.
        """
        if arm is Arm.UNTESTED:
            return self.is_on and suggested_label not in self.off_labels
        return arm is Arm.SHOWN


def sure_gap(gap: AdoptionGap, *, error: float) -> float:
    """Return a lower bound of the gap that holds at every look with probability 1 - `error`.

    The one-sided normal mixture bound [howard2021] on the adjusted difference; -1 while the gap is unknown.
    """
    if gap.shown is None or gap.hidden is None or gap.difference is None:
        return -1.0
    ones, other_ones = round(gap.shown.value * gap.n_shown), round(gap.hidden.value * gap.n_hidden)
    value, variance = adjusted_difference(ones, gap.n_shown, other_ones, gap.n_hidden)
    total = 1 / variance + BEST_AT
    return value - variance * sqrt(2 * total * log(1 + sqrt(total / BEST_AT) / (2 * error)))


def recommend(gap: AdoptionGap, by_label: Sequence[AdoptionGap], *, max_gap: float) -> Advice:
    """Return whether to show suggestions, given the gap over all labels and that of each.

    With ten labels, and one blind answer in ten that repeats a wrong suggestion, suggestions are turned off
    at a true gap of 0.45 after a median of 21 wrong suggestions in each arm, at 0.27 after 41 and at 0.18
    after 77 (scripts.bench.labels --part automation_bias).
    """
    if _is_leading(gap, max_gap=max_gap, error=ERROR / 2):
        return Advice(False, (), (f"off: {_in_words(gap, max_gap)}",))
    error = ERROR / 2 / max(len(by_label), 1)
    off = [of_label for of_label in by_label if _is_leading(of_label, max_gap=max_gap, error=error)]
    off_labels = tuple(of_label.label for of_label in off if of_label.label)
    kept = gap.shortage or f"automation bias is not proven: {_in_words(gap, max_gap)}"
    reasons = [f"off for {of_label.label}: {_in_words(of_label, max_gap)}" for of_label in off]
    return Advice(True, off_labels, (f"on: {kept}", *reasons))


def _is_leading(gap: AdoptionGap, *, max_gap: float, error: float) -> bool:
    return gap.difference is not None and gap.difference.high > max_gap and sure_gap(gap, error=error) > 0


def _in_words(gap: AdoptionGap, max_gap: float) -> str:
    return f"adoption gap {gap.difference}, limit {max_gap:g}"
