"""Suggesting: whether people see what the model suggests, for all labels and for each.

Suggestions are shown unless they are known to lead people. They go off where the adoption gap's upper bound
passes the limit *and* its lower bound for any number of looks lies above zero. The first alone would switch
off every young project, whose interval is wide; the second alone would act on a gap too small to matter.
Simulated (scripts/bench/labels/automation_bias.py), with no anchoring they ever go off in 0 to 3 % of
projects over two years of weekly looks, the project and its ten labels together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

from goldloop.annotators.automation_bias import Gap, adjusted_difference
from goldloop.core.arms import Arm

ERROR = 0.05  # probability of ever switching off without cause, half of it for the project, half for labels
BEST_AT = (
    12.0  # 1 / variance of the gap at which the bound is tightest, about; 6 and 25 gave the same figures
)


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether suggestions are shown: nowhere when `is_on` is False, else everywhere but for `off_labels`."""

    is_on: bool
    off_labels: tuple[str, ...]
    reasons: tuple[str, ...]

    def is_shown(self, arm: Arm, suggested_label: str) -> bool:
        """Return whether a review task of this arm shows its suggestion.

        The two arms ignore the advice, so that the gap goes on being measured alike when they are off.
        """
        if arm is Arm.UNTESTED:
            return self.is_on and suggested_label not in self.off_labels
        return arm is Arm.SHOWN


def sure_gap(gap: Gap, *, error: float) -> float:
    """Return a lower bound of the gap that is ever too high, however often one looks, in a share `error`.

    The one-sided normal mixture bound [howard2021] on the adjusted difference; -1 while there are too few.
    """
    if gap.shown is None or gap.hidden is None or gap.difference is None:
        return -1.0
    ones, other_ones = round(gap.shown.value * gap.n_shown), round(gap.hidden.value * gap.n_hidden)
    value, variance = adjusted_difference(ones, gap.n_shown, other_ones, gap.n_hidden)
    total = 1 / variance + BEST_AT
    return value - variance * sqrt(2 * total * log(1 + sqrt(total / BEST_AT) / (2 * error)))


def recommend(gap: Gap, by_label: Sequence[Gap], *, max_gap: float) -> Advice:
    """Return whether to show suggestions, given the gap over all labels and that of each.

    They stay on until evidence says no. With ten labels, and one blind answer in ten that repeats a wrong
    suggestion, a true gap of 0.45 is switched off after a median of 21 wrong suggestions in each arm, 0.27
    after 41, 0.18 after 77 (scripts/bench/labels/automation_bias.py).
    """
    if _is_leading(gap, max_gap=max_gap, error=ERROR / 2):
        return Advice(False, (), (f"off: {_said(gap, max_gap)}",))
    off = [one for one in by_label if _is_leading(one, max_gap=max_gap, error=ERROR / 2 / len(by_label))]
    kept = gap.shortage or f"no sure sign that people are led: {_said(gap, max_gap)}"
    reasons = [f"off for {one.label}: {_said(one, max_gap)}" for one in off]
    return Advice(True, tuple(one.label for one in off if one.label), (f"on: {kept}", *reasons))


def _is_leading(gap: Gap, *, max_gap: float, error: float) -> bool:
    return gap.difference is not None and gap.difference.high > max_gap and sure_gap(gap, error=error) > 0


def _said(gap: Gap, max_gap: float) -> str:
    return f"adoption gap {gap.difference}, limit {max_gap:g}"
